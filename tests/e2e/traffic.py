"""Traffic of clients that never try twice: whatever fails to be answered is a failure."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import httpx
import redis

from dev.demo.client import connect
from dev.demo.sse import Stream, StreamRefused
from tests.e2e.client import Shop, Shopper, accepted, applied, document, new_id, versions
from tests.support import eventually

logger = logging.getLogger(__name__)

WAIT_S = 5
BATCH = 10
# A line of a cart takes no more than 999 pieces.
MOST = 900


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer of /readyz, and when it was asked for and given (`time.time`)."""

    asked_at: float
    answered_at: float
    ready: bool
    # What does not serve.
    away: frozenset[str]


@dataclass(slots=True)
class Cart:
    """A cart, and the ids of the commands that were accepted for it, in their order."""

    id: str = field(default_factory=lambda: new_id("c"))
    accepted: list[str] = field(default_factory=list)


class Follower(Stream):
    """A stream that comes back at once, and remembers if it was not let in."""

    def __init__(self, shopper: Shopper, *topics: str) -> None:
        self.failures: list[str] = []
        super().__init__(f"{shopper.stream_url}/v1/stream", shopper.headers, topics, resume=True)

    def _reopened(self) -> bool:
        if self._closed:
            return False
        try:
            self._response = self._open()
            return True
        except (httpx.HTTPError, OSError, StreamRefused) as error:
            self.failures.append(f"coming back to the stream: {error!r}")
            return super()._reopened()


class Traffic:
    """A shopper's commands, questions and streams, on kept connections and on new ones, until `end`."""

    def __init__(self, shop: Shop) -> None:
        self._url = shop.stack.edge_url
        self._shopper = shop.shopper()
        self._mug = shop.merchant().sells(price=1)
        self._sent, self._sent_anew, self._waited = Cart(), Cart(), Cart()
        self._in_batches: list[Cart] = []
        self._old = applied(self._shopper.adds(new_id("c"), self._mug))
        # As if it were decided long ago: domain_svc alone knows.
        with redis.Redis.from_url(shop.stack.redis_url) as memory:
            assert memory.delete(f"prism:outcome:{self._old['commandId']}")
        self._failures: list[str] = []
        self.samples: list[Sample] = []
        self._over = threading.Event()
        self._threads = ThreadPoolExecutor(8)
        topics = [f"cart/{cart.id}" for cart in self._carts]
        self._follower = Follower(self._shopper, "commands", *topics)
        for act, pause_s in (
            (self._sends, 0.05),
            (self._waits, 0.02),
            (self._sends_batches, 0.4),
            (self._reads, 0.05),
            (self._asks_of_long_ago, 0.1),
        ):
            self._threads.submit(self._on_kept_connections, act, pause_s)
        for act, pause_s in ((self._sends_too, 0.05), (self._looks_in, 0.3), (self._samples, 0.03)):
            self._threads.submit(self._on_new_connections, act, pause_s)

    def end(self) -> None:
        """Sends no more."""
        self._over.set()
        self._threads.shutdown()

    def close(self) -> None:
        """Ends the follower too."""
        self.end()
        self._follower.close()

    def check(self) -> None:
        """All was answered; every command was applied once, and told to the follower once, in order."""
        assert self._failures + self._follower.failures == []
        carts = [*self._carts, *self._in_batches]
        assert all(cart.accepted for cart in carts)
        ids = Counter(id_ for cart in carts for id_ in cart.accepted)
        eventually(lambda: len(self._follower.of("commands")) >= ids.total(), timeout_s=30)
        assert [update.data for update in self._follower.updates if update.event == "reset"] == []
        outcomes = self._follower.of("commands")
        assert Counter(update.command_id for update in outcomes) == ids
        assert {update.data["status"] for update in outcomes} == {"APPLIED"}
        for cart in carts:
            seen, count = self._shopper.cart(cart.id), len(cart.accepted)
            assert (seen["version"], seen["lines"][0]["quantity"]) == (count, count)
        for cart in self._carts:
            told = versions(self._follower.of(f"cart/{cart.id}"))
            assert told == list(range(1, len(cart.accepted) + 1))

    @property
    def _carts(self) -> list[Cart]:
        return [self._sent, self._sent_anew, self._waited]

    def _on_kept_connections(self, act: Callable[[Shopper], None], pause_s: float) -> None:
        with connect(self._url) as http:
            self._go_on(act, replace(self._shopper, http=http), pause_s)

    def _on_new_connections(self, act: Callable[[Shopper], None], pause_s: float) -> None:
        def anew(shopper: Shopper) -> None:
            with connect(self._url) as http:
                act(replace(shopper, http=http))

        self._go_on(anew, self._shopper, pause_s)

    def _go_on(self, act: Callable[[Shopper], None], shopper: Shopper, pause_s: float) -> None:
        while not self._over.wait(pause_s):
            asked_at = time.time()
            try:
                act(shopper)
            except Exception as error:
                self._failures.append(f"asked at {asked_at}, failed at {time.time()}: {error!r}")
                logger.exception("a request failed")

    def _sends(self, shopper: Shopper) -> None:
        self._send(shopper, self._sent)

    def _sends_too(self, shopper: Shopper) -> None:
        self._send(shopper, self._sent_anew)

    def _send(self, shopper: Shopper, cart: Cart) -> None:
        if len(cart.accepted) < MOST:
            cart.accepted.append(accepted(shopper.adds(cart.id, self._mug, wait_s=0))["commandId"])

    def _waits(self, shopper: Shopper) -> None:
        if len(self._waited.accepted) >= MOST:
            return
        answer = shopper.adds(self._waited.id, self._mug, wait_s=WAIT_S)
        receipt = accepted(answer) if answer.status_code == 202 else applied(answer)
        self._waited.accepted.append(receipt["commandId"])
        if answer.status_code == 200:
            # One that was not waited for to the end may come later.
            shown = shopper.cart(self._waited.id)["version"]
            assert receipt["version"] <= shown <= len(self._waited.accepted)

    def _sends_batches(self, shopper: Shopper) -> None:
        cart = Cart()
        body = {"cartId": cart.id, "productId": self._mug, "quantity": 1}
        answer = shopper.send(
            "POST", "/v1/commands", {"commands": [{"type": "AddItemToCart", "body": body}] * BATCH}
        )
        assert answer.status_code == 202, answer.text
        cart.accepted += [receipt["commandId"] for receipt in answer.json()["results"]]
        self._in_batches.append(cart)

    def _reads(self, shopper: Shopper) -> None:
        if sent := self._sent.accepted[-1:]:
            assert shopper.outcome(f"cart-{self._sent.id}", sent[0])["status"] in ("ACCEPTED", "APPLIED")
        document(shopper.get("/v1/products", query="mug"))

    def _asks_of_long_ago(self, shopper: Shopper) -> None:
        outcome = shopper.outcome(self._old["stream"], self._old["commandId"])
        assert (outcome["status"], outcome["version"]) == ("APPLIED", self._old["version"])

    def _looks_in(self, shopper: Shopper) -> None:
        shopper.follow("commands").close()

    def _samples(self, shopper: Shopper) -> None:
        asked_at = time.time()
        answer = shopper.get("/readyz")
        parts = answer.json()["parts"]
        away = frozenset(name for name, state in parts.items() if state != "SERVING")
        self.samples.append(Sample(asked_at, time.time(), answer.status_code == 200, away))
