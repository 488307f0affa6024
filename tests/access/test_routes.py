"""Who may use which HTTP route: every route that there is, by whoever may come.

The rules of commands and queries are the contract's; those of the other routes are the tables below. A route
that neither has fails, and so does a rule whose route is gone.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from dev.ports import PortBlock
from kernel.contract import Command, Query, fill
from kernel.ports import Row, RowId
from kernel.tokens import ROLES, issue_dev_token
from prism.envelope.v1.envelope_pb2 import ViewRow
from stream_svc.service import Service
from tests.access.callers import CALLERS
from tests.edge.client import Edge, settings_for
from tests.edge.samples import BODIES, CONTRACT, ROUTED

# Whoever has a valid token; what is someone else's is kept from them row by row, or entry by entry.
ANY_TOKEN = ROLES | {""}
ANYONE = None
OPERATORS = frozenset({"operator"})
Rule = frozenset[str] | None

EDGE_ROUTES: dict[tuple[str, str], Rule] = {
    # Probes of the platform, which have no token; they name parts and states, nothing else.
    ("GET", "/healthz"): ANYONE,
    ("GET", "/readyz"): ANYONE,
    ("GET", "/metrics"): OPERATORS,
    # What the API is, which is no secret.
    ("GET", "/openapi.json"): ANYONE,
    ("GET", "/docs"): ANYONE,
    # Where PRISM_AUTH=dev alone.
    ("POST", "/v1/dev/tokens"): ANYONE,
    ("POST", "/v1/session"): ANY_TOKEN,
    # Takes a cookie away from whoever asks: their token may have ended.
    ("DELETE", "/v1/session"): ANYONE,
    # Each entry by its command's own rule.
    ("POST", "/v1/commands"): ANY_TOKEN,
    # Its sender, or an operator.
    ("GET", "/v1/commands/<stream>/<command_id>"): ANY_TOKEN,
}
STREAM_ROUTES: dict[tuple[str, str], Rule] = {
    # Each topic by its own rule.
    ("GET", "/v1/stream"): ANY_TOKEN,
    ("GET", "/metrics"): OPERATORS,
    ("GET", "/healthz"): ANYONE,
}
FREE_METHODS = {"HEAD", "OPTIONS"}


def rule_of(part: Command | Query) -> Rule:
    """The rule that the contract states."""
    if isinstance(part, Command):
        assert part.roles, f"{part.name} has a route, and nobody who may use it"
        return part.roles
    stated = [part.public, bool(part.roles), bool(part.view.owner_field)]
    assert any(stated), f"{part.name} says neither `public` nor `roles`, and its view has no owner"
    assert not (part.public and any(stated[1:])), f"{part.name} cannot be public and someone's"
    return ANYONE if part.public else part.roles or ANY_TOKEN


def rules_of_contract() -> dict[tuple[str, str], Rule]:
    parts: list[Command | Query] = [*(command for command, _ in ROUTED), *CONTRACT.queries.values()]
    return {
        (part.route.verb, part.route.path.replace("{", "<").replace("}", ">")): rule_of(part)
        for part in parts
        if part.route
    }


def routes_of(app: Flask) -> set[tuple[str, str]]:
    return {
        (verb, rule.rule)
        for rule in app.url_map.iter_rules()
        for verb in set(rule.methods or ()) - FREE_METHODS
    }


def allowed(rule: Rule, roles: frozenset[str] | None) -> int | None:
    """The status that keeps a caller out; None where there is none."""
    if rule is ANYONE:
        return None
    if roles is None:
        return 401
    return None if (roles | {""}) & rule else 403


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Edge:
    return Edge(settings_for(tmp_path_factory.mktemp("edge"), redis_url, "access"))


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Service]:
    ports = PortBlock()
    folder = tmp_path_factory.mktemp("stream")
    service = Service(settings_for(folder, redis_url, "access", prism_stream_grpc_port=ports.take()))
    service.start()
    yield service
    service.stop()
    ports.release()


def test_every_route_of_the_edge_has_a_rule_and_every_rule_a_route(edge: Edge) -> None:
    assert routes_of(edge.app) == set(EDGE_ROUTES) | set(rules_of_contract())
    assert not set(EDGE_ROUTES) & set(rules_of_contract())


def test_every_route_of_the_stream_service_has_a_rule_and_every_rule_a_route(stream: Service) -> None:
    assert routes_of(stream.app) == set(STREAM_ROUTES)


def call(app: Flask, verb: str, path: str, token: str | None, **more: Any) -> TestResponse:  # noqa: ANN401 # as the test client takes it
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return app.test_client().open(path, method=verb, headers=headers, **more)


def token_of(edge: Edge, caller: str, subject: str = "ada") -> str | None:
    if caller == "nobody":
        return None
    roles = CALLERS[caller]
    signed = issue_dev_token(edge.settings, subject, sorted(ROLES if roles is None else roles))
    # A forger has a token for everything, and no key.
    return signed[:-4] + "AAAA" if roles is None else signed


def address_of(path: str) -> str:
    """A path with something in every place."""
    return re.sub("<[a-z_]+>", "x1", path)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("verb", "path"), sorted(EDGE_ROUTES | rules_of_contract()))
def test_a_route_of_the_edge_lets_in_whom_its_rule_names(
    edge: Edge, verb: str, path: str, caller: str
) -> None:
    rule = (EDGE_ROUTES | rules_of_contract())[verb, path]
    kept_out = allowed(rule, CALLERS[caller])
    address = address_of(path)
    # A body that no route takes: whoever is kept out is so before it is read.
    more = {} if verb == "GET" else {"data": b"{", "content_type": "application/json"}
    answer = call(edge.app, verb, address, token_of(edge, caller), **more)
    if kept_out:
        assert answer.status_code == kept_out
        assert answer.json
        assert answer.json["code"] == {401: "UNAUTHENTICATED", 403: "FORBIDDEN"}[kept_out]
    else:
        assert answer.status_code not in (401, 403, 500)
    if verb == "GET":
        assert call(edge.app, "HEAD", address, token_of(edge, caller)).status_code == answer.status_code


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("verb", "path"), sorted(STREAM_ROUTES))
def test_a_route_of_the_stream_service_lets_in_whom_its_rule_names(
    edge: Edge, stream: Service, verb: str, path: str, caller: str
) -> None:
    kept_out = allowed(STREAM_ROUTES[verb, path], CALLERS[caller])
    # HEAD opens no stream and is let in like GET.
    answer = call(stream.app, "HEAD", f"{path}?topic=products", token_of(edge, caller))
    assert answer.status_code == (kept_out or 200)


def test_other_methods_do_nothing_whoever_calls(edge: Edge, stream: Service) -> None:
    routes = {"edge": (edge.app, routes_of(edge.app)), "stream": (stream.app, routes_of(stream.app))}
    for app, known in routes.values():
        for path in {path for _, path in known}:
            address = address_of(path)
            answer = call(app, "OPTIONS", address, None)
            assert (answer.status_code, answer.data) == (200, b"")
            verbs = {verb for verb, route in known if route == path}
            for verb in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"} - verbs:
                answer = call(app, verb, address, token_of(edge, "a operator"))
                assert answer.status_code in (404, 405) or verb == "get", (verb, address)


def test_a_header_makes_no_other_method(edge: Edge) -> None:
    token = issue_dev_token(edge.settings, "ada", ["merchant"])
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        headers = {"Authorization": f"Bearer {token}", header: "DELETE"}
        client = edge.app.test_client()
        assert client.post("/v1/products/x1", headers=headers).status_code == 405
        assert client.get("/v1/products/x1?_method=DELETE", headers=headers).status_code in (400, 404)
    assert not edge.queued()


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("command", [command for command, _ in ROUTED], ids=lambda command: command.name)
def test_an_entry_of_a_batch_has_its_command_s_own_rule(edge: Edge, command: Command, caller: str) -> None:
    roles = CALLERS[caller]
    entry = {"type": command.name, "body": {"nonsense": 1}}
    answer = call(edge.app, "POST", "/v1/commands", token_of(edge, caller), json={"commands": [entry]})
    if roles is None:
        assert answer.status_code == 401
        return
    assert answer.json
    [result] = answer.json["results"]
    assert result["code"] == ("MALFORMED_REQUEST" if roles & command.roles else "FORBIDDEN")


def save(edge: Edge, query: Query, owner: str) -> None:
    """A row of someone's that a query finds."""
    view = query.view
    fields: dict[str, Any] = {view.owner_field: owner}
    if "version" in view.message.DESCRIPTOR.fields_by_name:
        fields["version"] = 1
    data = ViewRow(data=view.message(**fields).SerializeToString()).SerializeToString()
    partition = fill(query.partition, lambda name: owner if name == "subject" else "x1")
    row_id = RowId(view.name, partition, fill(query.key, lambda _: "x1") or "x1")
    [old] = edge.storage.views.get([row_id])
    assert all(edge.storage.views.save([Row(row_id, data, old.etag if old else None)]))


OWNED = [query for query in CONTRACT.queries.values() if query.view.owner_field]


@pytest.mark.parametrize("query", OWNED, ids=[query.name for query in OWNED])
def test_what_is_someone_else_s_is_not_there(edge: Edge, query: Query) -> None:
    """Whatever the roles: an operator reads people's carts and orders as little as a shopper."""
    save(edge, query, "ada")
    path = fill(query.route.path, lambda _: "x1")
    for caller, roles in CALLERS.items():
        if roles is None:
            continue
        hers = call(edge.app, "GET", path, token_of(edge, caller, "ada"))
        assert hers.status_code == 200
        assert hers.json
        his = call(edge.app, "GET", path, token_of(edge, caller, "bob"))
        if query.key:
            assert his.status_code == 404
        else:
            assert hers.json["items"]
            assert his.json == {"items": [], "nextPageToken": ""}
        assert "ada" not in his.get_data(as_text=True)


def test_samples_have_a_body_for_every_command() -> None:
    assert {command.name for command, _ in ROUTED} == set(BODIES)


TRICKS = [
    ("POST", "/v1/dev/tokens"),
    ("GET", "/v1/dev/tokens"),
    ("PUT", "/v1/dev/tokens"),
    ("post", "/v1/dev/tokens"),
    ("OPTIONS", "/v1/dev/tokens"),
    ("POST", "/v1/dev/tokens/"),
    ("POST", "//v1/dev/tokens"),
    ("POST", "/v1//dev/tokens"),
    ("POST", "/v1/dev/./tokens"),
    ("POST", "/v1/x/../dev/tokens"),
    ("POST", "/V1/DEV/TOKENS"),
    ("POST", "/v1/dev%2ftokens"),
    ("POST", "/v1/dev/tokens;x"),
    ("POST", "/v1/dev/tokens%00"),
    ("POST", "/v1/dev/tokens?PRISM_AUTH=dev"),
]


@pytest.mark.parametrize(("verb", "path"), TRICKS, ids=range(len(TRICKS)))
def test_outside_development_nobody_gives_tokens(
    tmp_path: Path, redis_url: str, verb: str, path: str
) -> None:
    """Even where the development key is still set."""
    more = {
        "prism_auth": "jwks",
        "prism_jwks_url": "http://127.0.0.1:1/keys",
        "prism_jwt_issuer": "i",
        "prism_jwt_audience": "a",
    }
    strict = Edge(settings_for(tmp_path, redis_url, "access", **more))
    assert not [rule for rule in strict.app.url_map.iter_rules() if "dev" in rule.rule]
    headers = {"X-HTTP-Method-Override": "POST", "X-Original-URL": "/v1/dev/tokens"}
    body = {"subject": "ada", "roles": ["operator"]}
    answer = strict.app.test_client().open(path, method=verb, json=body, headers=headers)
    assert answer.status_code == 404
    assert b"token" not in answer.data.replace(b"/v1/dev/tokens", b"")
