"""More than one of a thing: two replicas of domain_svc, streams up to the limit, two stacks."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from dev.demo.sse import StreamRefused
from tests.e2e.client import Shop, Shopper, applied, at_once, document, problem
from tests.e2e.conftest import open_shop
from tests.support import eventually

RACERS = 12


@pytest.fixture(scope="module")
def second(engine: str, shop: Shop) -> Iterator[Shop]:
    """A second stack beside the first: two replicas of domain_svc, three streams, a second to pay an order."""
    with open_shop(
        engine, {"PRISM_PAYMENT_WINDOW": "1", "PRISM_SSE_LIMIT": "3"}, domain_replicas=2
    ) as opened:
        yield opened


def test_an_order_not_paid_in_time_is_cancelled_and_its_stock_comes_back(second: Shop) -> None:
    merchant, shopper = second.merchant(), second.shopper()
    mug = merchant.sells(price=100, stock=2)
    paid = shopper.orders((mug, 1), total=100)
    shopper.order(paid, "CONFIRMED")
    applied(shopper.pays(paid, 100))
    late = shopper.orders((mug, 1), total=100)
    shopper.order(late, "CONFIRMED")
    assert merchant.available(mug) == 0
    cancelled = shopper.order(late, "CANCELLED")
    assert cancelled["reason"] == "PAYMENT_WINDOW_PASSED"
    assert problem(shopper.pays(late, 100)) == (409, "WRONG_ORDER_STATUS")
    eventually(lambda: merchant.available(mug) == 1)
    # Its window has passed before the other's.
    assert shopper.order(paid)["status"] == "PAID"


def test_replicas_lose_and_double_nothing(second: Shop) -> None:
    merchant, shopper = second.merchant(), second.shopper()
    mug = merchant.sells(price=100)
    cart = shopper.fills((mug, 1))
    at_once([lambda: [applied(shopper.adds(cart, mug)) for _ in range(5)]] * RACERS)
    seen = shopper.cart(cart)
    assert (seen["version"], seen["lines"][0]["quantity"]) == (1 + 5 * RACERS, 1 + 5 * RACERS)


def test_replicas_oversell_nothing_and_all_unpaid_stock_comes_back(second: Shop) -> None:
    merchant = second.merchant()
    mug = merchant.sells(price=100, stock=3)
    shoppers = [second.shopper() for _ in range(RACERS)]
    carts = [shopper.fills((mug, 1)) for shopper in shoppers]
    with merchant.follow(f"product/{mug}") as stream:
        at_once([partial(who.checks_out, cart, 100) for who, cart in zip(shoppers, carts, strict=True)])
        ended = [ends(who, cart) for who, cart in zip(shoppers, carts, strict=True)]
        assert {"PAYMENT_WINDOW_PASSED", "OUT_OF_STOCK"} >= set(ended)
        assert ended.count("PAYMENT_WINDOW_PASSED") >= 3
        eventually(lambda: merchant.available(mug) == 3)
        eventually(lambda: stream.updates[-1].data["available"] == 3)
        assert {update.data["available"] for update in stream.updates} <= {0, 1, 2, 3}


def ends(shopper: Shopper, order: str) -> str:
    return str(shopper.order(order, "REJECTED", "CANCELLED")["reason"])


def test_a_replica_less_is_not_noticed(second: Shop) -> None:
    merchant, shopper = second.merchant(), second.shopper()
    mug = merchant.sells()
    second.stack.stop_service("domain_svc")
    try:
        cart = shopper.fills((mug, 3))
        assert shopper.cart(cart)["lines"][0]["quantity"] == 3
    finally:
        second.stack.start_service("domain_svc")
        second.stack.wait_ready()
    applied(shopper.adds(cart, mug))


def test_one_stream_more_than_the_limit_is_told_to_come_back(second: Shop) -> None:
    shopper = second.shopper()
    with ExitStack() as streams:
        for _ in range(3):
            first = streams.enter_context(shopper.follow("products"))
        with pytest.raises(StreamRefused) as refusal:
            shopper.follow("products")
        assert refusal.value.status == 503
        first.close()
        # The place of a client that left is free again, as soon as its end was noticed.
        eventually(lambda: opens(shopper))


def opens(shopper: Shopper) -> bool:
    try:
        shopper.follow("products").close()
    except StreamRefused:
        return False
    return True


def test_two_stacks_do_not_meet(shop: Shop, second: Shop) -> None:
    here, there = shop.merchant(), second.merchant()
    mug = here.sells(name="Mug", stock=5)
    assert problem(there.get(f"/v1/products/{mug}")) == (404, "NOT_FOUND")
    body = {"productId": mug, "name": "Another", "price": {"currency": "USD", "minorUnits": "1"}}
    applied(there.send("POST", "/v1/products", body, wait_s=20))
    assert document(here.get(f"/v1/products/{mug}"))["name"] == "Mug"
    assert document(there.get(f"/v1/products/{mug}"))["name"] == "Another"
    headers = {"Authorization": f"Bearer {here.token}"}
    assert second.http.get("/v1/orders", headers=headers).status_code == 401
