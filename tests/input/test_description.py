"""The edge does what /openapi.json says, whatever is sent: schemathesis makes requests of it, good and bad."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case, Response
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from edge.openapi.document import build_document
from kernel import contract
from tests.e2e.client import Shop

load_all_checks()
# What a schema cannot say, so that a request which it allows may break it: how many bytes a text has, that a
# range of days has its end, and which letters print.
UNSTATED = {"string.max_bytes", "range", "string.printable"}
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"deterministic": True},
        "checks": {
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 405, 413, 414, 415, 422, 431]
            },
            "positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", 403, 404, 409]},
        },
    }
)
EXAMPLES = 6
# The same requests at every run, and none is made smaller: a failure prints its own.
QUIET = {
    "derandomize": True,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": HealthCheck,
}


API = schemathesis.openapi.from_dict(build_document(contract.load(), dev=True), config=CONFIG)


def test_it_is_what_the_running_edge_says(fuzzed: Shop) -> None:
    assert fuzzed.http.get("/openapi.json").json() == API.raw_schema


@API.parametrize()
# The same requests at every run, and none is made smaller: a failure prints its own.
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_is_described(case: Case[Any], fuzzed: Shop) -> None:
    token = fuzzed.person("shopper", "merchant", "operator").token
    send(case, fuzzed.stack.edge_url, {"Authorization": f"Bearer {token}"})


def send(case: Case[Any], url: str, headers: dict[str, str]) -> None:
    answer = case.call(base_url=url, headers=headers)
    case.validate_response(answer, excluded_checks=excused(case, answer), headers=headers)


def excused(case: Case[Any], answer: Response) -> list[Any]:
    """The checks that a description cannot help to fail."""
    body = answer.json() if answer.headers.get("content-type", [""])[0] == "application/problem+json" else {}
    rules = {violation["rule"] for violation in body.get("violations", [])}
    # A key that another request has; a page token that no list gave out.
    taken = body.get("code") == "IDEMPOTENCY_KEY_REUSED" or (case.query or {}).get("pageToken")
    if taken or (rules and rules <= UNSTATED):
        return CHECKS.get_by_names(["positive_data_acceptance"])
    # A batch answers for each of its commands: which of them are refused shows in the answer.
    results = answer.json().get("results", []) if answer.status_code == 202 else []
    if any("code" in result for result in results):
        return CHECKS.get_by_names(["negative_data_rejection"])
    return []
