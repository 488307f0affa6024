"""The rules of the shop, broken one by one: each refusal has its code and leaves everything as it was."""

from collections.abc import Callable

import httpx
import pytest

from tests.e2e.client import Merchant, Shop, Shopper, accepted, applied, document, eur, new_id, problem

Attempt = Callable[[Merchant, Shopper], httpx.Response]
ATTEMPTS: dict[str, Attempt] = {}


def refused_as(code: str) -> Callable[[Attempt], Attempt]:
    """Registers an attempt with the code that it must be refused with."""

    def register(attempt: Attempt) -> Attempt:
        ATTEMPTS[f"{attempt.__name__}: {code}"] = attempt
        return attempt

    return register


@refused_as("PRODUCT_ALREADY_REGISTERED")
def registering_a_product_twice(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    body = {"productId": merchant.sells(), "name": "Another", "price": eur(1)}
    return merchant.send("POST", "/v1/products", body, wait_s=10)


@refused_as("NOT_FOUND")
def pricing_an_unknown_product(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return merchant.prices(new_id("unknown"), 100)


@refused_as("CURRENCY_MISMATCH")
def pricing_a_product_in_another_currency(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    body = {"price": {"currency": "USD", "minorUnits": 100}}
    return merchant.send("PUT", f"/v1/products/{merchant.sells()}/price", body, wait_s=10)


@refused_as("PRODUCT_DISCONTINUED")
def pricing_a_discontinued_product(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    product = merchant.sells()
    applied(merchant.discontinues(product))
    return merchant.prices(product, 100)


@refused_as("NOT_FOUND")
def receiving_stock_of_an_unknown_product(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return merchant.receives(new_id("unknown"), 1)


@refused_as("PRODUCT_NOT_AVAILABLE")
def adding_an_unknown_product(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return shopper.adds(new_id("c"), new_id("unknown"))


@refused_as("PRODUCT_NOT_AVAILABLE")
def adding_a_discontinued_product(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    product = merchant.sells(stock=5)
    applied(merchant.discontinues(product))
    return shopper.adds(new_id("c"), product)


@refused_as("QUANTITY_LIMIT_EXCEEDED")
def adding_a_thousandth_to_a_line(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    product = merchant.sells()
    return shopper.adds(shopper.fills((product, 999)), product)


@refused_as("NOT_FOUND")
def changing_a_line_that_is_not_there(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    cart = shopper.fills((merchant.sells(), 1))
    return shopper.send("PATCH", f"/v1/carts/{cart}/items/{new_id('p')}", {"quantity": 2}, wait_s=10)


@refused_as("NOT_FOUND")
def removing_a_line_twice(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    product = merchant.sells()
    line = f"/v1/carts/{shopper.fills((product, 1))}/items/{product}"
    applied(shopper.send("DELETE", line, wait_s=10))
    return shopper.send("DELETE", line, wait_s=10)


@refused_as("NOT_FOUND")
def checking_out_a_cart_that_never_was(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return shopper.checks_out(new_id("c"), 0)


@refused_as("PRICE_CHANGED")
def checking_out_at_another_total(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return shopper.checks_out(shopper.fills((merchant.sells(price=100), 3)), 299)


@refused_as("PRICE_CHANGED")
def checking_out_in_another_currency(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    cart = shopper.fills((merchant.sells(price=100), 1))
    body = {"expectedTotal": {"currency": "USD", "minorUnits": "100"}}
    return shopper.send("POST", f"/v1/carts/{cart}/checkout", body, wait_s=10)


@refused_as("CART_CLOSED")
def checking_out_twice(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return shopper.checks_out(shopper.orders((merchant.sells(price=100), 1), total=100), 100)


@refused_as("CART_CLOSED")
def adding_after_checkout(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    product = merchant.sells(price=100)
    return shopper.adds(shopper.orders((product, 1), total=100), product)


@refused_as("NOT_FOUND")
def paying_an_order_that_never_was(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return shopper.pays(new_id("o"), 100)


@refused_as("NOT_FOUND")
def shipping_an_order_that_never_was(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return merchant.ships(new_id("o"))


@refused_as("WRONG_AMOUNT")
def paying_a_cent_less(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return shopper.pays(confirmed(merchant, shopper), 99)


@refused_as("WRONG_AMOUNT")
def paying_a_cent_more(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return shopper.pays(confirmed(merchant, shopper), 101)


@refused_as("WRONG_ORDER_STATUS")
def paying_twice(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return shopper.pays(paid(merchant, shopper), 100)


@refused_as("WRONG_ORDER_STATUS")
def shipping_before_payment(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return merchant.ships(confirmed(merchant, shopper))


@refused_as("WRONG_ORDER_STATUS")
def shipping_twice(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return merchant.ships(shipped(merchant, shopper))


@refused_as("WRONG_ORDER_STATUS")
def cancelling_after_shipment(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    return shopper.cancels(shipped(merchant, shopper))


@refused_as("WRONG_ORDER_STATUS")
def cancelling_twice(merchant: Merchant, shopper: Shopper) -> httpx.Response:
    order = confirmed(merchant, shopper)
    applied(shopper.cancels(order))
    return shopper.cancels(order)


def confirmed(merchant: Merchant, shopper: Shopper) -> str:
    order = shopper.orders((merchant.sells(price=100, stock=1), 1), total=100)
    shopper.order(order, "CONFIRMED")
    return order


def paid(merchant: Merchant, shopper: Shopper) -> str:
    order = confirmed(merchant, shopper)
    applied(shopper.pays(order, 100))
    return order


def shipped(merchant: Merchant, shopper: Shopper) -> str:
    order = paid(merchant, shopper)
    applied(merchant.ships(order))
    return order


@pytest.mark.parametrize("name", ATTEMPTS)
def test_refused(name: str, merchant: Merchant, shopper: Shopper) -> None:
    answer = ATTEMPTS[name](merchant, shopper)
    assert problem(answer) == (409, name.partition(": ")[2])
    body = answer.json()
    asker = shopper if answer.request.headers["authorization"].endswith(shopper.token) else merchant
    outcome = asker.outcome(body["stream"], body["commandId"])
    assert (outcome["status"], outcome["code"]) == ("REJECTED", body["code"])
    assert (outcome["detail"], outcome["events"]) == (body["detail"], [])


def test_a_cart_is_its_owners_alone(merchant: Merchant, shopper: Shopper, shop: Shop) -> None:
    mug = merchant.sells(price=100)
    cart = shopper.fills((mug, 1))
    line = f"/v1/carts/{cart}/items/{mug}"
    other = shop.shopper()
    for attempt in (
        other.adds(cart, mug),
        other.send("PATCH", line, {"quantity": 5}, wait_s=10),
        other.send("DELETE", line, wait_s=10),
        other.checks_out(cart, 100),
    ):
        assert problem(attempt) == (409, "NOT_CART_OWNER")
    assert problem(other.get(f"/v1/carts/{cart}")) == (404, "NOT_FOUND")
    seen = shopper.cart(cart)
    assert (seen["version"], seen["lines"][0]["quantity"], seen["status"]) == (1, 1, "OPEN")


def test_an_order_is_its_customers_alone(merchant: Merchant, shopper: Shopper, shop: Shop) -> None:
    order = confirmed(merchant, shopper)
    other = shop.shopper()
    assert problem(other.get(f"/v1/orders/{order}")) == (404, "NOT_FOUND")
    assert other.pays(order, 100).status_code in (403, 404, 409)
    assert other.cancels(order).status_code in (403, 404, 409)
    assert shopper.order(order)["status"] == "CONFIRMED"
    assert document(other.get("/v1/orders"))["items"] == []


def test_a_cart_takes_a_hundred_lines_and_no_more(merchant: Merchant, shopper: Shopper) -> None:
    products = [new_id("p") for _ in range(100)]
    cart, last = new_id("c"), merchant.sells()
    merchant.batches(
        "RegisterProduct", [{"productId": id_, "name": "Mug", "price": eur(1)} for id_ in products]
    )
    items = [{"cartId": cart, "productId": product, "quantity": 1} for product in products]
    assert len(set(shopper.batches("AddItemToCart", items))) == 100
    assert problem(shopper.adds(cart, last)) == (409, "CART_FULL")
    assert len(shopper.cart(cart)["lines"]) == 100
    applied(shopper.adds(cart, products[0], 2))
    assert shopper.cart(cart)["total"] == eur(102)


def test_a_command_applies_only_at_the_version_that_was_asked_for(
    merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells(price=100)
    cart = shopper.fills((mug, 1))
    assert problem(shopper.adds(cart, mug, if_match=0)) == (409, "VERSION_MISMATCH")
    assert problem(shopper.adds(cart, mug, if_match=2)) == (409, "VERSION_MISMATCH")
    assert applied(shopper.adds(cart, mug, if_match=1))["version"] == 2
    assert shopper.cart(cart)["lines"][0]["quantity"] == 2
    late = accepted(shopper.adds(cart, mug, if_match=1, wait_s=0))
    applied(shopper.adds(cart, mug))
    assert shopper.outcome(late["stream"], late["commandId"])["code"] == "VERSION_MISMATCH"
