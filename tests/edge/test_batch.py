"""`POST /v1/commands`: every entry is a request of its own."""

from typing import Any

import pytest

from kernel.contract import Command, Route
from tests.edge.client import Edge
from tests.edge.samples import CONTRACT, ROUTED, full_body

every_command = pytest.mark.parametrize(("command", "route"), ROUTED, ids=[c.name for c, _ in ROUTED])


def entry(cart: str = "c1", key: str | None = None, quantity: int = 1) -> dict[str, Any]:
    body = {"cartId": cart, "productId": "mug", "quantity": quantity}
    return {"type": "AddItemToCart", "body": body} | ({"idempotencyKey": key} if key is not None else {})


def send(edge: Edge, *entries: object, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 # whatever `post` takes
    answer = edge.post("/v1/commands", {"commands": entries}, **more)
    assert answer.status_code == 202
    assert answer.json
    results: list[dict[str, Any]] = answer.json["results"]
    assert len(results) == len(entries)
    return results


def codes(results: list[dict[str, Any]]) -> list[Any]:
    return [result.get("code") or result["status"] for result in results]


@every_command
def test_every_command_with_a_route_can_be_batched(edge: Edge, command: Command, route: Route) -> None:
    [result] = send(edge, {"type": command.name, "body": full_body(command, route)})
    [envelope] = edge.queued()
    assert result == {"commandId": envelope.id, "status": "ACCEPTED", "stream": envelope.stream}
    assert envelope.type == command.type


def test_a_hundred_commands_are_few_messages_in_order(edge: Edge) -> None:
    results = send(edge, *(entry(f"c{number}") for number in range(100)))
    assert codes(results) == ["ACCEPTED"] * 100
    assert edge.storage.queue("commands").depth().messages == 1
    assert [envelope.id for envelope in edge.queued()] == [result["commandId"] for result in results]


def test_large_commands_are_spread_over_messages(edge: Edge) -> None:
    body = {"name": "Mug", "description": "x" * 4000, "price": {"currency": "EUR", "minorUnits": "1"}}
    entries = [{"type": "RegisterProduct", "body": body | {"productId": f"p{n}"}} for n in range(100)]
    send(edge, *entries)
    assert 9 <= edge.storage.queue("commands").depth().messages <= 12
    assert [envelope.stream for envelope in edge.queued()] == [f"product-p{n}" for n in range(100)]


def test_each_entry_has_an_answer_of_its_own(edge: Edge) -> None:
    results = send(
        edge,
        entry(),
        entry(quantity=0),
        entry() | {"type": "NoSuchThing"},
        entry() | {"more": 1},
        entry() | {"body": {"colour": "red"}},
        entry() | {"body": None},
        {"body": {}},
        {"type": 5},
        "text",
        entry(key=""),
        entry() | {"idempotencyKey": 5},
        entry("c2"),
    )
    assert codes(results) == [
        "ACCEPTED",
        "VALIDATION_FAILED",
        "UNKNOWN_COMMAND",
        *["MALFORMED_REQUEST"] * 8,
        "ACCEPTED",
    ]
    assert results[1]["status"] == 422
    assert results[1]["violations"][0]["field"] == "quantity"
    assert results[2]["status"] == 404
    assert [envelope.stream for envelope in edge.queued()] == ["cart-c1", "cart-c2"]


def test_what_only_policies_send_is_unknown(edge: Edge) -> None:
    internal = [command for command in CONTRACT.commands.values() if not command.route]
    results = send(edge, *({"type": command.name, "body": {}} for command in internal))
    assert set(codes(results)) == {"UNKNOWN_COMMAND"}
    assert not edge.queued()


def test_each_entry_needs_its_own_roles(edge: Edge) -> None:
    product = {"productId": "mug", "name": "Mug", "price": {"currency": "EUR", "minorUnits": "1"}}
    entries = [entry(), {"type": "RegisterProduct", "body": product}]
    assert codes(send(edge, *entries, roles=["shopper"])) == ["ACCEPTED", "FORBIDDEN"]
    assert codes(send(edge, *entries, roles=["merchant"])) == ["FORBIDDEN", "ACCEPTED"]


def test_a_key_twice_in_a_batch_is_two_requests_after_each_other(edge: Edge) -> None:
    results = send(edge, entry(key="k1"), entry(key="k1"), entry(key="k1", quantity=2), entry(key='"k1"'))
    assert codes(results) == ["ACCEPTED", "ACCEPTED", "IDEMPOTENCY_KEY_REUSED", "ACCEPTED"]
    assert results[0] == results[1] == results[3]
    assert len(edge.queued()) == 1


def test_a_key_that_another_request_took_is_judged_entry_by_entry(edge: Edge) -> None:
    [first] = send(edge, entry(key="k1"))
    results = send(edge, entry(key="k1", quantity=2), entry(key="k1"))
    assert codes(results) == ["IDEMPOTENCY_KEY_REUSED", "ACCEPTED"]
    assert results[1] == first


def test_a_batch_and_its_repeat_have_one_effect(edge: Edge) -> None:
    entries = [entry(f"c{number}", key=f"k{number}") for number in range(5)]
    assert send(edge, *entries) == send(edge, *entries)
    assert len(edge.queued()) == 5


def test_a_key_is_the_same_for_the_batch_and_the_commands_own_route(edge: Edge) -> None:
    [batched] = send(edge, entry(key="k1"))
    body = {"productId": "mug", "quantity": 1}
    single = edge.post("/v1/carts/c1/items", body, headers={"Idempotency-Key": "k1"})
    assert single.json == batched
    assert single.headers["Idempotency-Replayed"] == "true"


def test_a_batch_has_at_most_a_hundred_commands(edge: Edge) -> None:
    answer = edge.post("/v1/commands", {"commands": [entry()] * 101})
    assert answer.status_code == 422
    assert answer.json
    assert answer.json["violations"][0]["field"] == "commands"
    assert not edge.queued()


def test_an_empty_batch_has_no_results(edge: Edge) -> None:
    assert send(edge) == []


@pytest.mark.parametrize("body", [{}, {"commands": {}}, {"commands": [], "more": 1}, [], 5])
def test_what_is_no_batch_is_malformed(edge: Edge, body: object) -> None:
    assert edge.call("POST", "/v1/commands", json=body).status_code == 400


def test_a_batch_needs_a_token_and_may_have_a_mebibyte(edge: Edge) -> None:
    assert edge.post("/v1/commands", {"commands": []}, by=None).status_code == 401
    text = b'{"commands": []}'
    for extra, status in ((0, 202), (1, 413)):
        data = text + b" " * (1024 * 1024 - len(text) + extra)
        answer = edge.call("POST", "/v1/commands", data=data, content_type="application/json")
        assert answer.status_code == status
