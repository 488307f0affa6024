"""Bursts of commands under which something breaks, and what must hold of them afterwards."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx

from tests.e2e.client import Shop, Shopper, new_id, versions
from tests.support import eventually

# Commands for the carts of those in a hurry, who wait for no outcome.
HURRIED = 100
# At least so many for the carts of those who wait for each outcome, and who go on until all works again.
STEADY, MOST = 20, 500
# So many are sent before something breaks.
BEFORE = 50
BUYERS, STOCK = 8, 5
# A killed consumer's messages come back when their visibility timeout of 30 s has passed; and once more.
PATIENCE_S = 75


class Burst:
    """Commands that are sent while something breaks; every one is sent until it is accepted."""

    def __init__(self, shop: Shop) -> None:
        self.shopper = shop.shopper()
        self._merchant = shop.merchant()
        self._mug = self._merchant.sells(price=1)
        self._rare = self._merchant.sells(price=100, stock=STOCK)
        self._hurried = [new_id("c") for _ in range(2)]
        self._steady = [new_id("c") for _ in range(2)]
        self._orders: list[tuple[Shopper, str]] = []
        for _ in range(BUYERS):
            buyer = shop.shopper()
            self._orders.append((buyer, buyer.fills((self._rare, 1))))
        # The ids of each cart's commands that were accepted.
        self._accepted: dict[str, list[str]] = {cart: [] for cart in self._hurried + self._steady}
        self._over = threading.Event()
        self._threads = ThreadPoolExecutor()
        self._senders: list[Future[None]] = []
        topics = [f"cart/{cart}" for cart in self._accepted]
        self.stream = self.shopper.follow("commands", *topics, resume=True)

    def start(self, break_something: Callable[[], None]) -> None:
        """Sends commands, and breaks something when some were accepted. Returns when that works again."""
        self._senders = [self._threads.submit(self._hurry, cart) for cart in self._hurried]
        self._senders += [self._threads.submit(self._go_steady, cart) for cart in self._steady]
        self._senders += [self._threads.submit(self._check_out)]
        try:
            eventually(lambda: sum(map(len, self._accepted.values())) >= BEFORE, timeout_s=30)
            break_something()
        finally:
            self._over.set()

    def close(self) -> None:
        """Ends the senders and the stream."""
        self._threads.shutdown()
        self.stream.close()

    def check(self) -> None:
        """Every command has one outcome and one effect, and nothing is oversold."""
        for sender in self._senders:
            sender.result()
        undecided = [(cart, id_) for cart, ids in self._accepted.items() for id_ in ids]

        def all_applied() -> bool:
            while undecided:
                cart, command_id = undecided[-1]
                if self.shopper.outcome(f"cart-{cart}", command_id)["status"] != "APPLIED":
                    return False
                undecided.pop()
            return True

        eventually(all_applied, timeout_s=PATIENCE_S)
        for cart, ids in self._accepted.items():
            assert len(set(ids)) == len(ids)
            seen = self.shopper.cart(cart)
            assert (seen["version"], seen["lines"][0]["quantity"]) == (len(ids), len(ids))
        ended = Counter(
            buyer.order(order, "CONFIRMED", "REJECTED")["status"] for buyer, order in self._orders
        )
        assert ended == {"CONFIRMED": STOCK, "REJECTED": BUYERS - STOCK}
        eventually(lambda: self._merchant.available(self._rare) == 0)

    def check_stream_started_over(self) -> None:
        """The shopper was told to fetch anew; nothing came twice or out of order."""
        assert self.stream.wait_for(lambda update: update.event == "reset", PATIENCE_S)
        for cart in self._accepted:
            told = versions(self.stream.of(f"cart/{cart}"))
            assert told == sorted(set(told))

    def _hurry(self, cart: str) -> None:
        for _ in range(HURRIED):
            self._add(cart, wait_s=0)

    def _go_steady(self, cart: str) -> None:
        accepted = self._accepted[cart]
        while len(accepted) < STEADY or (not self._over.is_set() and len(accepted) < MOST):
            body = self._add(cart, wait_s=1)
            if body["status"] == "APPLIED":
                # One that a killed consumer held comes later, and others overtake it.
                assert body["version"] <= len(accepted)
                shown = until_success(partial(self.shopper.get, f"/v1/carts/{cart}"))
                assert body["version"] <= shown["version"] <= len(accepted)

    def _add(self, cart: str, wait_s: int) -> dict[str, Any]:
        send = partial(self.shopper.adds, cart, self._mug, wait_s=wait_s, key=new_id("key"))
        body = until_success(send)
        self._accepted[cart].append(body["commandId"])
        return body

    def _check_out(self) -> None:
        for buyer, order in self._orders:
            until_success(partial(buyer.checks_out, order, 100, wait_s=0, key=new_id("key")))


def until_success(send: Callable[[], httpx.Response]) -> dict[str, Any]:
    """Sends a request that may be repeated, again and again, until it succeeds. Answers the body."""

    def body_of_success() -> dict[str, Any]:
        try:
            answer = send()
        except httpx.TransportError as error:
            raise AssertionError(f"no answer: {error!r}") from error
        if not answer.is_success and "retry-after" not in answer.headers:
            raise RuntimeError(f"{answer.status_code}, and not to be tried again: {answer.text}")
        assert answer.is_success, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return eventually(body_of_success, timeout_s=60)
