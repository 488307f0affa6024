"""Redis dies, or is away, in the middle of the work. tests/e2e/test_faults.py has the other processes die."""

from collections.abc import Iterator
from functools import partial

import pytest

from dev.stack import Stack
from tests.e2e.bursts import Burst
from tests.e2e.client import Shop, accepted, applied, heard, new_id
from tests.e2e.conftest import open_shop
from tests.support import eventually


def killed(stack: Stack, service: str) -> None:
    pid = stack.kill(service, with_workers=True)
    stack.wait_restarted(service, pid)


@pytest.fixture(scope="module")
def fragile(engine: str) -> Iterator[Shop]:
    """A shop of this module's own, for things to break in."""
    with open_shop(engine) as opened:
        yield opened


def test_everything_happens_once_and_the_stream_starts_over_when_redis_is_killed(fragile: Shop) -> None:
    burst = Burst(fragile)
    burst.start(partial(killed, fragile.stack, "redis"))
    burst.check()
    burst.check_stream_started_over()
    burst.close()


def test_without_redis_commands_are_accepted_and_views_advance(fragile: Shop) -> None:
    stack = fragile.stack
    merchant, shopper = fragile.merchant(), fragile.shopper()
    mug = merchant.sells(price=100, stock=5)
    cart = shopper.fills((mug, 1))
    topic = f"cart/{cart}"
    with shopper.follow(topic) as stream:
        stack.stop_service("redis")
        try:
            key = new_id("key")
            receipt = accepted(shopper.adds(cart, mug, wait_s=1, key=key))
            assert accepted(shopper.adds(cart, mug, wait_s=0, key=key)) == receipt
            eventually(lambda: shopper.cart(cart)["lines"][0]["quantity"] == 2)
            eventually(
                lambda: shopper.outcome(receipt["stream"], receipt["commandId"])["status"] == "APPLIED"
            )
            accepted(shopper.checks_out(cart, 200, wait_s=0))
            order = shopper.order(cart, "CONFIRMED")
            assert "redis" in shopper.get("/readyz").text
            assert shopper.get("/readyz").status_code == 503
        finally:
            stack.start_service("redis")
            stack.wait_ready()
        # Each worker of the edge finds out by itself that Redis is back: until then a wait ends in a 202.
        eventually(lambda: applied(shopper.adds(new_id("c"), mug)))
        applied(shopper.pays(order["orderId"], 200))
        other = shopper.fills((mug, 1))
        assert stream.wait_for(lambda update: update.event == "reset")
        with shopper.follow(f"cart/{other}") as again:
            applied(shopper.adds(other, mug))
            heard(again, f"cart/{other}", 2)
