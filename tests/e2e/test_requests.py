"""What requests and answers look like, whatever they are about."""

import re
from typing import Any

import pytest

from tests.e2e.client import (
    WAIT_S,
    Merchant,
    Shop,
    Shopper,
    accepted,
    applied,
    document,
    eur,
    new_id,
    problem,
)
from tests.support import eventually


def test_a_command_is_accepted_with_a_receipt_that_leads_to_its_outcome(
    merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    answer = shopper.adds(cart, mug, wait_s=0)
    receipt = accepted(answer)
    assert receipt == {"commandId": receipt["commandId"], "status": "ACCEPTED", "stream": f"cart-{cart}"}
    assert answer.headers["location"] == f"/v1/commands/cart-{cart}/{receipt['commandId']}"

    def decided() -> dict[str, Any]:
        outcome = document(shopper.get(answer.headers["location"]))
        assert outcome["status"] == "APPLIED"
        return outcome

    outcome = eventually(decided)
    assert (outcome["commandId"], outcome["version"]) == (receipt["commandId"], 1)
    assert [event["type"] for event in outcome["events"]] == ["ItemAddedToCart"]


def test_a_waited_command_answers_its_outcome(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    answer = shopper.adds(cart, mug)
    assert answer.headers["preference-applied"] == f"wait={WAIT_S}"
    body = applied(answer)
    [event] = body.pop("events")
    assert event["type"] == "ItemAddedToCart"
    assert body == {
        "commandId": body["commandId"],
        "status": "APPLIED",
        "stream": f"cart-{cart}",
        "version": 1,
    }


def test_only_its_sender_and_operators_read_what_became_of_a_command(
    merchant: Merchant, shopper: Shopper, shop: Shop
) -> None:
    body = applied(shopper.adds(new_id("c"), merchant.sells()))
    path = f"/v1/commands/{body['stream']}/{body['commandId']}"
    assert shop.shopper().get(path).status_code in (403, 404)
    assert shop.stranger().get(path).status_code == 401
    assert document(shop.person("operator").get(path))["status"] == "APPLIED"
    assert problem(shopper.get(f"/v1/commands/cart-c/{new_id('x')}")) == (404, "NOT_FOUND")
    assert problem(shopper.get(f"/v1/commands/cart-other/{body['commandId']}")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"{", "application/json", (400, "MALFORMED_REQUEST")),
        (b"[]", "application/json", (400, "MALFORMED_REQUEST")),
        (
            b'{"productId": "p", "quantity": 1, "colour": "blue"}',
            "application/json",
            (400, "MALFORMED_REQUEST"),
        ),
        (b'{"productId": "p", "quantity": "many"}', "application/json", (400, "MALFORMED_REQUEST")),
        (b'{"productId": "p", "quantity": 0}', "application/json", (422, "VALIDATION_FAILED")),
        (b'{"productId": "p", "quantity": 1000}', "application/json", (422, "VALIDATION_FAILED")),
        (b'{"productId": "a b", "quantity": 1}', "application/json", (422, "VALIDATION_FAILED")),
        (b'{"quantity": 1}', "application/json", (422, "VALIDATION_FAILED")),
        (b"productId=p", "application/x-www-form-urlencoded", (415, "UNSUPPORTED_MEDIA_TYPE")),
        (b'{"productId": "' + b"x" * 66_000 + b'"}', "application/json", (413, "PAYLOAD_TOO_LARGE")),
    ],
)
def test_a_bad_body_is_a_problem(
    body: bytes, content_type: str, expected: tuple[int, str], shopper: Shopper
) -> None:
    headers = shopper.headers | {"Content-Type": content_type}
    answer = shopper.http.post("/v1/carts/c1/items", content=body, headers=headers)
    assert problem(answer) == expected
    if answer.status_code == 422:
        [violation] = answer.json()["violations"]
        assert set(violation) == {"field", "rule", "message"}
        assert violation["field"] in ("productId", "quantity")


def test_no_route_no_method_no_token_no_role(shop: Shop, merchant: Merchant, shopper: Shopper) -> None:
    assert shopper.get("/v1/nothing").status_code == 404
    answer = shopper.send("PUT", "/v1/products")
    assert (answer.status_code, "POST" in answer.headers["allow"]) == (405, True)
    stranger = shop.stranger()
    for path in ("/v1/carts/c1", "/v1/orders", "/v1/orders/o1", "/v1/sales", "/v1/commands/cart-c1/x"):
        assert problem(stranger.get(path)) == (401, "UNAUTHENTICATED")
    item = {"productId": "p", "quantity": 1}
    assert stranger.send("POST", "/v1/carts/c1/items", item).status_code == 401
    assert problem(merchant.send("POST", "/v1/carts/c1/items", item)) == (403, "FORBIDDEN")
    assert problem(shopper.send("POST", "/v1/products/p/stock", {"quantity": 1})) == (403, "FORBIDDEN")
    days = {"from": "2026-01-01", "to": "2026-01-02"}
    assert problem(shopper.get("/v1/sales", **days)) == (403, "FORBIDDEN")
    assert document(merchant.get("/v1/sales", **days)) == {"days": []}
    assert document(stranger.get("/v1/products"))["items"] is not None


def test_a_problem_tells_nothing_of_the_inside(shopper: Shopper) -> None:
    for answer in (
        shopper.http.post("/v1/carts/c1/items", content=b"{", headers=shopper.headers),
        shopper.get("/v1/orders", pageToken="made-up"),
        shopper.get("/v1/orders", pageSize="x"),
        shopper.get("/v1/carts/%00"),
        shopper.get("/v1/commands/cart-x/' or 1=1"),
    ):
        assert 400 <= answer.status_code < 500, answer.text
        assert not re.search(r"Traceback|\.py|sqlite|/home|/tmp|AccountKey|File ", answer.text), answer.text


def test_both_spellings_are_read_and_the_path_decides(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    body = {"product_id": mug, "quantity": 1, "cart_id": new_id("other"), "cartId": new_id("another")}
    answer = shopper.send("POST", f"/v1/carts/{cart}/items", body, wait_s=WAIT_S)
    if answer.status_code != 400:
        assert applied(answer)["stream"] == f"cart-{cart}"
        assert shopper.cart(cart)["lines"][0]["productId"] == mug
    del body["cart_id"], body["cartId"]
    applied(shopper.send("POST", f"/v1/carts/{cart}/items", body, wait_s=WAIT_S))


def test_money_is_taken_as_text_and_as_number(merchant: Merchant) -> None:
    product = new_id("p")
    body = {"productId": product, "name": "Mug", "price": {"currency": "EUR", "minorUnits": 1999}}
    applied(merchant.send("POST", "/v1/products", body, wait_s=WAIT_S))
    assert document(merchant.get(f"/v1/products/{product}")) == {
        "productId": product,
        "name": "Mug",
        "description": "",
        "price": eur(1999),
        "status": "ACTIVE",
        "available": 0,
        "version": 1,
    }


def test_a_resource_has_an_etag_and_is_not_sent_twice(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = shopper.fills((mug, 1))
    answer = shopper.get(f"/v1/carts/{cart}")
    assert answer.headers["etag"] == '"1"'
    again = shopper.get(f"/v1/carts/{cart}", if_none_match='"1"')
    assert (again.status_code, again.content) == (304, b"")
    applied(shopper.adds(cart, mug))
    changed = shopper.get(f"/v1/carts/{cart}", if_none_match='"1"')
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')


def test_caches_keep_no_product_for_its_stock_changes_under_the_same_version(merchant: Merchant) -> None:
    mug = merchant.sells(stock=1)
    first = merchant.get(f"/v1/products/{mug}")
    applied(merchant.receives(mug, 1))
    second = merchant.get(f"/v1/products/{mug}")
    assert (document(first)["available"], document(second)["available"]) == (1, 2)
    assert first.headers["etag"] == second.headers["etag"] == '"1"'
    assert first.headers["cache-control"] == "no-store"


def test_nothing_is_there_before_its_first_event(merchant: Merchant, shopper: Shopper) -> None:
    for path in ("/v1/carts/", "/v1/orders/", "/v1/products/"):
        assert problem(shopper.get(path + new_id("x"))) == (404, "NOT_FOUND")


def test_the_catalogue_is_searched_by_prefixes_of_words_and_paged(merchant: Merchant) -> None:
    word = new_id("w").replace("-", "")
    ids = [
        merchant.sells(name=f"Blue Teapot {word}", description="Holds one litre"),
        merchant.sells(name="Red TEAPOT", description=f"{word}, holds two litres"),
        merchant.sells(name=f"Blue cup {word}", description="of china"),
    ]

    def found(query: str) -> set[str]:
        items = document(merchant.get("/v1/products", query=query, pageSize=100))["items"]
        return {item["productId"] for item in items}

    assert found(word) == set(ids)
    assert found(f"teap {word}") == {ids[0], ids[1]}
    assert found(f"{word.upper()} BLUE") == {ids[0], ids[2]}
    assert found(f"lit teapot {word[:-1]}") >= {ids[0], ids[1]}
    assert found(f"eapot {word}") == set()
    pages, token = [], ""
    while True:
        page = document(merchant.get("/v1/products", query=word, pageSize=1, pageToken=token))
        pages.append([item["productId"] for item in page["items"]])
        token = page["nextPageToken"]
        if not token:
            break
    assert sorted(pages) == sorted([product] for product in ids)
    for size in (0, 101):
        assert problem(merchant.get("/v1/products", pageSize=size)) == (422, "VALIDATION_FAILED")


def test_a_batch_answers_each_of_its_commands_in_order(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    item = {"cartId": cart, "productId": mug, "quantity": 1}
    answer = shopper.send(
        "POST",
        "/v1/commands",
        {
            "commands": [
                {"type": "AddItemToCart", "body": item},
                {"type": "AddItemToCart", "body": item | {"quantity": 0}},
                {"type": "ReceiveStock", "body": {"productId": mug, "quantity": 1}},
                {"type": "Unheard", "body": {}},
                {"type": "PlaceOrder", "body": {"orderId": cart}},
                {"type": "AddItemToCart", "body": {"colour": "blue"}},
                {"type": "AddItemToCart", "body": item, "idempotencyKey": cart},
                {"type": "AddItemToCart", "body": item, "idempotencyKey": cart},
            ]
        },
    )
    assert answer.status_code == 202, answer.text
    results = answer.json()["results"]
    assert [result.get("code") or result["status"] for result in results] == [
        "ACCEPTED",
        "VALIDATION_FAILED",
        "FORBIDDEN",
        "UNKNOWN_COMMAND",
        "UNKNOWN_COMMAND",
        "MALFORMED_REQUEST",
        "ACCEPTED",
        "ACCEPTED",
    ]
    assert results[6] == results[7]
    eventually(lambda: shopper.cart(cart)["lines"][0]["quantity"] == 2)
    assert shopper.cart(cart)["version"] == 2
    for commands in ([{"type": "AddItemToCart", "body": item}] * 101, "none", None):
        assert shopper.send("POST", "/v1/commands", {"commands": commands}).status_code in (400, 422)


def test_the_documents_and_health_are_open(shop: Shop) -> None:
    stranger = shop.stranger()
    assert document(stranger.get("/openapi.json"))["openapi"].startswith("3.")
    assert stranger.get("/docs").status_code == 200
    assert document(stranger.get("/healthz"))
    assert document(stranger.get("/readyz"))
