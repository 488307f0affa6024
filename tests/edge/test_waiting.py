"""`Prefer: wait=N`: the outcome instead of the receipt, and never longer than was asked for."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import TestResponse

from prism.envelope.v1.envelope_pb2 import Delivery, Outcome
from tests.edge.client import Edge, Workers
from tests.edge.samples import BODIES


def register(edge: Edge, **headers: str) -> TestResponse:
    return edge.post("/v1/products", BODIES["RegisterProduct"], headers=headers or {"Prefer": "wait=10"})


def test_an_applied_command_answers_its_events_and_its_view_shows_it(edge: Edge) -> None:
    with Workers(edge):
        answer = register(edge)
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=10"
    assert answer.json
    assert set(answer.json) == {"commandId", "status", "stream", "version", "events"}
    assert answer.json["status"] == "APPLIED"
    assert answer.json["stream"] == "product-mug"
    assert answer.json["version"] == 1
    assert answer.json["events"] == [{"eventId": "product-mug:1", "type": "ProductRegistered"}]
    assert edge.get("/v1/products/mug").status_code == 200


def test_a_rejected_command_answers_why(edge: Edge) -> None:
    with Workers(edge):
        register(edge)
        answer = register(edge)
    assert answer.status_code == 409
    assert answer.headers["Preference-Applied"] == "wait=10"
    assert answer.json
    assert answer.json["code"] == "PRODUCT_ALREADY_REGISTERED"
    assert answer.json["commandId"]
    assert answer.json["detail"]


def test_a_repeat_that_waits_gets_the_decided_outcome(edge: Edge) -> None:
    with Workers(edge):
        first = register(edge, Prefer="wait=10", **{"Idempotency-Key": "k1"})
        again = register(edge, Prefer="wait=10", **{"Idempotency-Key": "k1"})
    assert first.status_code == again.status_code == 200
    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_command_that_failed_says_so_without_internals(edge: Edge) -> None:
    first = register(edge, **{"Idempotency-Key": "k1"})
    assert first.json
    failed = Outcome(
        command_id=first.json["commandId"],
        status=Outcome.FAILED,
        stream="product-mug",
        detail="Traceback: /srv",
    )
    edge.log.publish_facts([Delivery(command_id=failed.command_id, outcome=failed)])
    answer = register(edge, Prefer="wait=5", **{"Idempotency-Key": "k1"})
    assert answer.status_code == 500
    assert answer.json
    assert answer.json["code"] == "COMMAND_FAILED"
    assert "Traceback" not in answer.get_data(as_text=True)


def test_a_wait_ends_with_the_receipt(edge: Edge) -> None:
    began = time.monotonic()
    answer = register(edge, Prefer="wait=1")
    assert 0.9 < time.monotonic() - began < 5
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert answer.headers["Location"]


def test_an_edge_that_ends_says_so_and_lets_nobody_wait(edge: Edge) -> None:
    edge.draining.set()
    answer = register(edge, Prefer="wait=30")
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers
    with Workers(edge):
        assert register(edge, Prefer="wait=30").status_code == 409, "what is decided at once is told"
    assert edge.get("/readyz", by=None).json["parts"]["edge"] == "NOT_SERVING"  # type: ignore[index] # the body is an object


@pytest.mark.parametrize(
    "header",
    ["wait=0", "wait=31", "wait=-1", "wait=x", "wait", "respond-async", "", "wait=1.5", "wait=999999"],
)
def test_a_preference_that_nobody_can_honour_is_ignored(edge: Edge, header: str) -> None:
    answer = register(edge, Prefer=header)
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize(
    ("header", "applied"),
    [
        ("respond-async, wait=1", "wait=1"),
        ('Wait="1"', "wait=1"),
        ("wait = 1; foo=bar", "wait=1"),
        ("foo; bar=2, wait=1", "wait=1"),
        ("wait=1, wait=30", "wait=1"),
    ],
)
def test_preferences_are_read_as_rfc_7240_has_them(edge: Edge, header: str, applied: str) -> None:
    assert register(edge, Prefer=header).headers["Preference-Applied"] == applied


def test_many_wait_at_once(edge: Edge) -> None:
    def wait(number: int) -> int:
        body = BODIES["RegisterProduct"] | {"productId": f"p{number}"}
        return edge.post("/v1/products", body, headers={"Prefer": "wait=20"}).status_code

    with Workers(edge), ThreadPoolExecutor(12) as pool:
        assert set(pool.map(wait, range(24))) == {200}
