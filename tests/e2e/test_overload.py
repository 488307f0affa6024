"""More than the shop can process: taken up to a limit, refused past it, and nothing lost or done that was refused."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.e2e.client import WAIT_S, Shop, Shopper, applied, at_once, new_id, problem
from tests.e2e.conftest import open_shop
from tests.support import eventually

LIMIT = 60
SHOPPERS = 8
# Of each process of the edge: a share of the limit, and what its threads put while one of them asks.
OVERSHOOT = 2 * (LIMIT // 20 + SHOPPERS)


@pytest.fixture(scope="module")
def small(engine: str) -> Iterator[Shop]:
    """A shop whose queue takes little."""
    with open_shop(engine, {"PRISM_BACKLOG_LIMIT": str(LIMIT)}) as shop:
        yield shop


@contextmanager
def paused(shop: Shop) -> Iterator[None]:
    operator = shop.operator(shop.stack.domain_grpc)
    operator.pause("commands")
    yield
    operator.resume("commands")


@contextmanager
def down(shop: Shop) -> Iterator[None]:
    shop.stack.stop_service("domain_svc")
    yield
    shop.stack.start_service("domain_svc")


@dataclass
class Pusher:
    """Someone who sends one command after the other, each with a key, until one is refused."""

    shopper: Shopper
    product: str
    cart: str = field(default_factory=lambda: new_id("c"))
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def pushes(self) -> None:
        while len(self.refused) < 3:
            key = new_id("k")
            (self.accepted if self.gets_in(self.sends(key)) else self.refused).append(key)

    def sends(self, key: str, wait_s: int = 0) -> httpx.Response:
        return self.shopper.adds(self.cart, self.product, key=key, wait_s=wait_s)

    def gets_in(self, answer: httpx.Response) -> bool:
        if answer.status_code in (200, 202):
            return True
        assert problem(answer) == (503, "BACKLOG_FULL")
        assert int(answer.headers["Retry-After"]) >= 1
        return False

    def tries_again(self) -> None:
        key = self.refused.pop()
        answers = []

        def gets_in() -> bool:
            answers.append(self.sends(key, WAIT_S))
            return self.gets_in(answers[-1])

        eventually(gets_in, WAIT_S)
        applied(answers[-1])
        assert "Idempotency-Replayed" not in answers[-1].headers
        self.accepted.append(key)

    def sends_batches(self) -> None:
        for _ in range(4):
            answer = self.shopper.send("POST", "/v1/commands", {"commands": [self.entry] * 100})
            assert answer.status_code == 202, answer.text
            receipts = answer.json()["results"]
            assert {receipt["status"] for receipt in receipts} == {"ACCEPTED"}
            self.accepted += [receipt["commandId"] for receipt in receipts]

    def has_all(self) -> bool:
        """Whether the cart shows what was accepted, each by an event of its own."""
        cart = self.shopper.cart(self.cart)
        assert cart["version"] <= len(self.accepted), "something happened twice, or was refused and happened"
        return bool(cart["version"] == sum(line["quantity"] for line in cart["lines"]) == len(self.accepted))

    @property
    def entry(self) -> dict[str, object]:
        """A command of a batch."""
        body = {"cartId": self.cart, "productId": self.product, "quantity": 1}
        return {"type": "AddItemToCart", "body": body}


@pytest.mark.parametrize("ends", [paused, down])
def test_past_the_limit_commands_are_refused_until_there_is_room_again(
    small: Shop, ends: Callable[[Shop], AbstractContextManager[None]]
) -> None:
    product = small.merchant().sells()
    crowd = [Pusher(small.shopper(), product) for _ in range(SHOPPERS)]
    with ends(small):
        at_once([each.pushes for each in crowd])
        accepted = sum(len(each.accepted) for each in crowd)
        assert LIMIT <= accepted <= LIMIT + OVERSHOOT
        # What was accepted has its receipt, and a batch is no way around.
        full = crowd[0]
        assert full.sends(full.accepted[0]).headers["Idempotency-Replayed"] == "true"
        refused = full.shopper.send("POST", "/v1/commands", {"commands": [full.entry] * 10})
        assert not full.gets_in(refused)
        # Reading goes on.
        assert small.merchant().available(product) == 0
    at_once([each.tries_again for each in crowd])
    for each in crowd:
        eventually(each.has_all, WAIT_S)


def test_a_burst_of_batches_is_absorbed(small: Shop) -> None:
    """A hundred times what the consumer takes at once, in messages below the limit."""
    product = small.merchant().sells()
    crowd = [Pusher(small.shopper(), product) for _ in range(SHOPPERS)]
    at_once([each.sends_batches for each in crowd])
    for each in crowd:
        eventually(each.has_all, 3 * WAIT_S)
