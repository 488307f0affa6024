"""Every route that the contract has is there, and asks for what the contract asks for."""

import re
from pathlib import Path

import pytest

import edge as edge_package
from kernel.contract import Command, Query, Route
from tests.edge.client import ALL_ROLES, Edge
from tests.edge.samples import BODIES, CONTRACT, ROUTED, path_of

every_command = pytest.mark.parametrize(("command", "route"), ROUTED, ids=[c.name for c, _ in ROUTED])
QUERIES = list(CONTRACT.queries.values())
every_query = pytest.mark.parametrize("query", QUERIES, ids=[q.name for q in QUERIES])
DAYS = "?from=2026-11-01&to=2026-11-30"


def path_of_query(query: Query) -> str:
    return path_of(query.route) + (DAYS if "from" in query.message.DESCRIPTOR.fields_by_name else "")


@every_command
def test_a_command_is_accepted_for_each_of_its_roles(edge: Edge, command: Command, route: Route) -> None:
    for role in command.roles:
        answer = edge.call(route.verb, path_of(route), roles=[role], json=BODIES[command.name])
        assert answer.status_code == 202
        receipt = answer.json
        assert receipt
        assert receipt["status"] == "ACCEPTED"
        assert receipt["stream"].startswith(f"{command.aggregate}-")
        assert answer.headers["Location"] == f"/v1/commands/{receipt['stream']}/{receipt['commandId']}"
    assert [envelope.type for envelope in edge.queued()] == [command.type] * len(command.roles)


@every_command
def test_a_command_needs_a_token(edge: Edge, command: Command, route: Route) -> None:
    answer = edge.call(route.verb, path_of(route), by=None, json=BODIES[command.name])
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert not edge.queued()


@every_command
def test_a_command_needs_one_of_its_roles(edge: Edge, command: Command, route: Route) -> None:
    others = [role for role in ALL_ROLES if role not in command.roles]
    # Before the body is looked at.
    answer = edge.call(route.verb, path_of(route), roles=others, data=b"{", content_type="text/plain")
    assert answer.status_code == 403
    assert answer.json
    assert answer.json["code"] == "FORBIDDEN"


@every_query
def test_a_query_answers_those_who_may_ask(edge: Edge, query: Query) -> None:
    answer = edge.get(path_of_query(query), by=None if query.public else "alice", roles=list(query.roles))
    assert answer.status_code == (404 if query.key else 200)


@every_query
def test_a_query_that_is_not_public_needs_a_token(edge: Edge, query: Query) -> None:
    if not query.public:
        assert edge.get(path_of_query(query), by=None).status_code == 401


@every_query
def test_a_query_needs_one_of_its_roles(edge: Edge, query: Query) -> None:
    if query.roles:
        others = [role for role in ALL_ROLES if role not in query.roles]
        assert edge.get(path_of_query(query), roles=others).status_code == 403


@pytest.mark.parametrize("path", ["/nothing", "/v1/products/", "//v1/products", "/v1/commands/a", "/v1/"])
def test_what_is_no_route_is_not_found(edge: Edge, path: str) -> None:
    answer = edge.get(path)
    assert answer.status_code == 404
    assert answer.json
    assert answer.json["code"] == "ROUTE_NOT_FOUND"


def test_a_route_names_its_methods_to_whoever_uses_another(edge: Edge) -> None:
    answer = edge.call("PATCH", "/v1/products", by=None)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert answer.json
    assert answer.json["code"] == "METHOD_NOT_ALLOWED"


def test_head_and_options_are_answered(edge: Edge) -> None:
    assert edge.call("HEAD", "/v1/products").status_code == 200
    assert edge.call("OPTIONS", "/v1/products").status_code == 200


def test_every_answer_tells_browsers_not_to_guess(edge: Edge) -> None:
    for path in ("/v1/products", "/nothing", "/docs"):
        headers = edge.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert len(headers.getlist("Content-Security-Policy")) == 1


def test_the_edge_knows_no_domain() -> None:
    folder = Path(edge_package.__file__).parent
    domain = {command.aggregate for command in CONTRACT.commands.values()}
    # CSS has borders.
    words = re.compile(f"(?<!b)({'|'.join(domain)})", re.IGNORECASE)
    assert {"cart", "order"} < domain
    found = [
        f"{path.name}: {line}"
        for path in [*folder.rglob("*.py"), *folder.rglob("*.html")]
        for line in path.read_text().splitlines()
        if words.search(line)
    ]
    assert not found
