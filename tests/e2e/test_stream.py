"""The stream: every update once and in order, nobody else's, and nothing missed by whoever comes back."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from dev.demo.client import Person
from dev.demo.sse import StreamRefused
from tests.e2e.client import (
    Merchant,
    Shop,
    Shopper,
    accepted,
    applied,
    heard,
    new_id,
    versions,
)
from tests.support import eventually


@contextmanager
def refused(status: int) -> Iterator[None]:
    """The block opens a stream that must be refused."""
    with pytest.raises(StreamRefused) as error:
        yield
    assert error.value.status == status
    assert error.value.problem["code"]


def test_every_update_comes_once_and_in_order(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    with shopper.follow(f"cart/{cart}", "commands") as stream:
        receipts = [accepted(shopper.adds(cart, mug, wait_s=0)) for _ in range(40)]
        last = heard(stream, f"cart/{cart}", 40)
        eventually(lambda: len(stream.of("commands")) == 40)
        updates = stream.of(f"cart/{cart}")
        assert versions(updates) == list(range(1, 41))
        assert [update.command_id for update in updates] == [receipt["commandId"] for receipt in receipts]
        assert [update.data["lines"][0]["quantity"] for update in updates] == list(range(1, 41))
        assert {update.event for update in updates} == {"cart"}
        outcomes = stream.of("commands")
        assert [outcome.command_id for outcome in outcomes] == [receipt["commandId"] for receipt in receipts]
        assert {(outcome.event, outcome.data["status"]) for outcome in outcomes} == {("command", "APPLIED")}
        assert last.data == shopper.cart(cart)
        assert len({update.id for update in stream.updates}) == 80
        assert stream.retry_ms == 2000


def test_an_order_and_its_product_tell_their_whole_story(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=100, stock=2)
    # From the stock that is shown: a stream that is behind would tell of its receipt first.
    shown = shopper.get(f"/v1/products/{mug}").headers["prism-stream-cursor"]
    with shopper.follow("orders", f"product/{mug}", after=shown) as stream:
        order = shopper.orders((mug, 2), total=200)
        shopper.order(order, "CONFIRMED")
        applied(shopper.pays(order, 200))
        applied(merchant.ships(order))
        eventually(lambda: stream.of("orders")[-1].data["status"] == "SHIPPED")
        told = stream.of("orders")
        seen = list(dict.fromkeys(update.data["status"] for update in told))
        assert seen == ["PLACED", "CONFIRMED", "PAID", "SHIPPED"]
        assert versions(told) == sorted(set(versions(told)))
        assert {update.event for update in told} == {"order"}
        eventually(lambda: [update.data["available"] for update in stream.of(f"product/{mug}")][:1] == [0])


def test_a_refusal_is_told_to_its_sender(merchant: Merchant, shopper: Shopper) -> None:
    with shopper.follow("commands") as stream:
        receipt = accepted(shopper.adds(new_id("c"), new_id("unknown"), wait_s=0))
        update = stream.wait_for(lambda each: each.command_id == receipt["commandId"])
        assert update
        assert (update.data["status"], update.data["code"]) == ("REJECTED", "PRODUCT_NOT_AVAILABLE")


@pytest.mark.parametrize("by", ["header", "parameter"])
def test_whoever_comes_back_hears_what_was_missed_and_nothing_else(
    by: str, merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells()
    cart = shopper.fills((mug, 1))
    topic = f"cart/{cart}"
    with shopper.follow(topic) as stream:
        applied(shopper.adds(cart, mug))
        last_id = heard(stream, topic, 2).id
    for _ in range(5):
        applied(shopper.adds(cart, mug))
    if by == "parameter":
        with httpx.stream(
            "GET",
            f"{shopper.stream_url}/v1/stream",
            params={"topic": topic, "lastEventId": last_id},
            headers=shopper.headers,
            trust_env=False,
        ) as response:
            ids = (line for line in response.iter_lines() if line.startswith("data:"))
            assert [f'"version":{number}' in next(ids) for number in range(3, 8)] == [True] * 5
        return
    with shopper.follow(topic, after=last_id) as stream:
        heard(stream, topic, 7)
        applied(shopper.adds(cart, mug))
        heard(stream, topic, 8)
        assert versions(stream.updates) == [3, 4, 5, 6, 7, 8]


def test_a_page_follows_from_exactly_what_it_shows(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = shopper.fills((mug, 1))
    answer = shopper.get(f"/v1/carts/{cart}")
    applied(shopper.adds(cart, mug))
    with shopper.follow(f"cart/{cart}", after=answer.headers["prism-stream-cursor"]) as stream:
        applied(shopper.adds(cart, mug))
        heard(stream, f"cart/{cart}", 3)
        # A cursor promises that nothing is missed: what the page shows already may come again.
        assert [version for version in versions(stream.updates) if version > 1] == [2, 3]


def test_an_unknown_cursor_is_told_to_start_over(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = shopper.fills((mug, 1))
    for cursor in ("nonsense", "1-1", "ffffffff.1-0"):
        with shopper.follow(f"cart/{cart}", after=cursor) as stream:
            assert stream.wait_for(lambda update: update.event == "reset")
            version = applied(shopper.adds(cart, mug))["version"]
            heard(stream, f"cart/{cart}", version)
            assert [update.event for update in stream.updates] == ["reset", "cart"]
            assert stream.updates[0].id


def test_after_redis_forgot_clients_start_over_and_hear_what_follows(
    shop: Shop, merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells()
    cart = shopper.fills((mug, 1))
    topic = f"cart/{cart}"
    with shopper.follow(topic) as staying:
        applied(shopper.adds(cart, mug))
        last_id = heard(staying, topic, 2).id
        shop.forgets_redis()
        applied(shopper.adds(cart, mug))
        assert staying.wait_for(lambda update: update.event == "reset")
        heard(staying, topic, 3)
        with shopper.follow(topic, after=last_id) as returning:
            assert returning.wait_for(lambda update: update.event == "reset")
            assert returning.updates[0].event == "reset"
            applied(shopper.adds(cart, mug))
            for stream in (staying, returning):
                heard(stream, topic, 4)
        assert versions(staying.of(topic)) == [2, 3, 4]


def test_nobody_hears_what_is_someone_elses(shop: Shop, merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=100, stock=5)
    other = shop.shopper()
    cart = new_id("c")
    # Nobody's yet, so it may be asked for; from the first item on it is the shopper's.
    with other.follow(f"cart/{cart}", f"order/{cart}", "orders", "commands", "products") as theirs:
        with shopper.follow(f"order/{cart}", "orders") as mine:
            applied(shopper.adds(cart, mug))
            applied(shopper.checks_out(cart, 100))
            shopper.order(cart, "CONFIRMED")
            eventually(lambda: mine.updates and mine.updates[-1].data["status"] == "CONFIRMED")
            # One that two topics of a stream name comes under the more specific one, once.
            assert {update.topic for update in mine.updates} == {f"order/{cart}"}
        eventually(lambda: any(update.data["productId"] == mug for update in theirs.of("products")))
        applied(other.adds(new_id("c"), mug))
        eventually(lambda: theirs.of("commands"))
        assert {update.topic for update in theirs.updates} == {"products", "commands"}
        assert len(theirs.of("commands")) == 1
    with refused(403):
        other.follow(f"cart/{cart}")
    with refused(403):
        other.follow("products", f"order/{cart}")


def test_a_stream_opens_only_to_those_who_may(shop: Shop, merchant: Merchant, shopper: Shopper) -> None:
    with refused(401):
        shop.stranger().follow("products")
    with refused(401):
        Person(shopper.http, shopper.stream_url, "x", "made.up.token").follow("products")
    with refused(403):
        shopper.follow("activity")
    for topics in ((), ("nothing",), ("cart/",), ("cart/a b",)):
        with refused(400):
            shopper.follow(*topics)
    address = f"{shopper.stream_url}/v1/stream"
    with httpx.Client(trust_env=False) as http:
        answer = http.get(address, params={"topic": "products", "token": shopper.token})
        assert answer.status_code in (400, 401)


def test_operators_hear_every_event(shop: Shop, merchant: Merchant, shopper: Shopper) -> None:
    with shop.person("operator").follow("activity") as stream:
        mug = merchant.sells()
        cart = shopper.fills((mug, 1))
        update = stream.wait_for(lambda each: each.data.get("stream") == f"cart-{cart}")
        assert update
        assert update.event == "activity"
        assert update.data["type"] == "ItemAddedToCart"


def test_the_session_cookie_opens_a_stream(merchant: Merchant, shopper: Shopper) -> None:
    answer = shopper.send("POST", "/v1/session")
    assert answer.is_success
    cookie = answer.headers["set-cookie"]
    assert "httponly" in cookie.lower()
    name, _, value = cookie.partition(";")[0].partition("=")
    with httpx.stream(
        "GET",
        f"{shopper.stream_url}/v1/stream",
        params={"topic": "commands"},
        headers={"Cookie": f"{name}={value}"},
        trust_env=False,
    ) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        receipt = accepted(shopper.adds(new_id("c"), merchant.sells(), wait_s=0))
        data = next(line for line in lines if line.startswith("data:"))
        assert receipt["commandId"] in data
