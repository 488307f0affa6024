"""What a body may be, and what its refusal says."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decoding import fill_message, load_json
from edge.problems import Problem
from prism.product.v1.commands_pb2 import RegisterProduct
from tests.edge.client import Edge
from tests.edge.samples import BODIES

PATH = "/v1/products"
GOOD = BODIES["RegisterProduct"]


def send(edge: Edge, body: bytes | str, content_type: str = "application/json") -> Any:  # noqa: ANN401 # JSON
    answer = edge.call("POST", PATH, data=body, content_type=content_type)
    return answer.status_code, answer.json


def changed(**fields: object) -> str:
    return json.dumps(GOOD | fields)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        "1",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"productId": "\xff"}',
        changed(unknown=1),
        changed(price={"currency": "EUR", "minorUnits": "1", "more": 1}),
        changed(price=[]),
        changed(price="EUR 5"),
        changed(price={"currency": "EUR", "minorUnits": 1.5}),
        changed(price={"currency": "EUR", "minorUnits": "1e999"}),
        changed(price={"currency": "EUR", "minorUnits": True}),
        changed(price={"currency": "EUR", "minorUnits": 2**63}),
        changed(name=5),
        changed(name=["Mug"]),
        changed(name={"a": 1}),
        changed(name="\ud800"),
        changed(**{"[prism.x]": 1}),
        changed(**{"\udfff": 1}),
        changed(**{"product_id": "other"}),
        '{"productId": "a", "productId": "b"}',
        '{"price": {"minorUnits": 1, "minor_units": 2}}',
        '{"price": NaN}',
        '{"price": {"minorUnits": Infinity}}',
        '{"price": {"minorUnits": ' + "9" * 5000 + "}}",
        "[" * 60_000,
        '{"price":' * 5000 + "1" + "}" * 5000,
    ],
)
def test_a_body_that_cannot_be_read_is_malformed(edge: Edge, body: str | bytes) -> None:
    status, problem = send(edge, body)
    assert (status, problem["code"]) == (400, "MALFORMED_REQUEST")
    assert len(problem["detail"]) < 500
    assert not edge.queued()


def test_an_unknown_field_is_named(edge: Edge) -> None:
    _, problem = send(edge, changed(colour="red"))
    assert problem["detail"] == "unknown field: colour"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["price", "name", "productId", "minorUnits", "x"]), inner)
        ),
    )
)
def test_no_json_at_all_breaks_the_reading_of_a_message(value: object) -> None:
    message = RegisterProduct()
    # Read, or refused as malformed; anything else is raised.
    with suppress(Problem):
        fill_message(message, load_json(json.dumps(value).encode()))
    message.SerializeToString()


@pytest.mark.parametrize("fields", [{"product_id": "mug"}, {"productId": "mug"}])
def test_both_spellings_are_read(edge: Edge, fields: dict[str, str]) -> None:
    body = {name: value for name, value in GOOD.items() if name != "productId"} | fields
    assert send(edge, json.dumps(body))[0] == 202


@pytest.mark.parametrize("amount", [1250, "1250", 1250.0])
def test_a_long_number_may_be_a_text(edge: Edge, amount: object) -> None:
    assert send(edge, changed(price={"currency": "EUR", "minorUnits": amount}))[0] == 202


def test_each_broken_rule_is_listed_as_the_client_spells_its_field(edge: Edge) -> None:
    body = changed(productId="a b", name="", price={"currency": "eur", "minorUnits": "-1"})
    status, problem = send(edge, body)
    assert (status, problem["code"]) == (422, "VALIDATION_FAILED")
    found = {(v["field"], v["rule"]) for v in problem["violations"]}
    assert {
        ("productId", "string.pattern"),
        ("name", "string.min_len"),
        ("price.currency", "string.pattern"),
        ("price.minorUnits", "int64.gte_lte"),
        ("price", "price.positive"),
    } == found
    assert all(v["message"] for v in problem["violations"])


def test_a_missing_field_is_listed(edge: Edge) -> None:
    status, problem = send(edge, '{"productId": "mug", "name": "Mug"}')
    assert status == 422
    assert [(v["field"], v["rule"]) for v in problem["violations"]] == [("price", "required")]


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "", "application/jsonx"])
def test_a_body_that_is_not_said_to_be_json_is_refused(edge: Edge, content_type: str) -> None:
    assert send(edge, json.dumps(GOOD), content_type)[0] == 415


def test_a_content_type_may_have_parameters(edge: Edge) -> None:
    assert send(edge, json.dumps(GOOD), "application/json; charset=utf-8")[0] == 202


def test_a_command_that_its_path_says_all_of_needs_no_body(edge: Edge) -> None:
    assert edge.post("/v1/orders/o1/shipment").status_code == 202
    assert edge.call("DELETE", "/v1/products/mug").status_code == 202
    assert edge.post("/v1/orders/o1/cancellation").status_code == 202
    assert edge.post("/v1/orders/o1/payment").status_code == 415


def test_64_kib_are_taken_and_more_are_not(edge: Edge) -> None:
    text = json.dumps(GOOD)
    assert send(edge, text + " " * (64 * 1024 - len(text)))[0] == 202
    status, problem = send(edge, text + " " * (64 * 1024 - len(text) + 1))
    assert (status, problem["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_the_path_says_which_stream_whatever_the_body_says(edge: Edge) -> None:
    for body in ({"cartId": "evil"}, {"cart_id": "evil"}):
        answer = edge.post("/v1/carts/c1/items", BODIES["AddItemToCart"] | body)
        assert answer.json
        assert answer.json["stream"] == "cart-c1"
    assert {envelope.stream for envelope in edge.queued()} == {"cart-c1"}


@pytest.mark.parametrize("id_", ["a%20b", "%F0%9F%8D%B5", "a" * 65, "..", "%ff", "a%00"])
def test_ids_in_paths_keep_their_rules(edge: Edge, id_: str) -> None:
    assert edge.post(f"/v1/carts/{id_}/items", BODIES["AddItemToCart"]).status_code in (404, 422)
    assert not edge.queued()
