"""People of the shop with the verbs of the shop, over HTTP: what the end-to-end tests drive Prism with."""

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import grpc
import httpx
import redis

from dev.demo.client import Person, meet
from dev.demo.sse import Stream, Update
from dev.stack import Stack
from prism.admin.v1.admin_pb2 import (
    ConsumerStatus,
    DeadLetterSummary,
    DiscardDeadLettersRequest,
    DiscardDeadLettersResponse,
    GetDeadLetterRequest,
    GetDeadLetterResponse,
    ListDeadLettersRequest,
    PauseRequest,
    RequeueDeadLettersRequest,
    RequeueDeadLettersResponse,
    ResumeRequest,
    StatusRequest,
)
from prism.admin.v1.admin_pb2_grpc import AdminStub
from tests.support import eventually

T = TypeVar("T")
WAIT_S = 20
_run = os.urandom(3).hex()
_numbers = itertools.count(1)


def new_id(kind: str) -> str:
    """An id that nobody has used, in this run or an earlier one."""
    return f"{kind}-{_run}-{next(_numbers)}"


def eur(cents: int) -> dict[str, str]:
    """An amount as JSON has it."""
    return {"currency": "EUR", "minorUnits": str(cents)}


def at_once(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Runs actions in a thread each, all at the same time; answers what they answered, in their order."""
    with ThreadPoolExecutor(len(actions)) as threads:
        return [future.result() for future in [threads.submit(action) for action in actions]]


class Sender(Person):
    """Someone who sends commands."""

    def outcome(self, stream: str, command_id: str) -> dict[str, Any]:
        """What became of a command."""
        return document(self.get(f"/v1/commands/{stream}/{command_id}"))

    def batches(self, command: str, bodies: Sequence[object]) -> list[str]:
        """Sends up to 100 commands of a kind at once; all are applied on return. Answers their ids."""
        commands = [{"type": command, "body": body} for body in bodies]
        answer = self.send("POST", "/v1/commands", {"commands": commands})
        receipts = answer.json()["results"]
        waiting = list(receipts)

        def all_applied() -> bool:
            while (
                waiting and self.outcome(waiting[0]["stream"], waiting[0]["commandId"])["status"] == "APPLIED"
            ):
                waiting.pop(0)
            return not waiting

        eventually(all_applied, timeout_s=WAIT_S)
        return [receipt["commandId"] for receipt in receipts]


class Merchant(Sender):
    """Someone who sells."""

    def sells(self, *, price: int = 1000, stock: int = 0, name: str = "Mug", description: str = "") -> str:
        """A new product with this stock, in the catalogue on return. Answers its id."""
        product = new_id("p")
        body = {"productId": product, "name": name, "description": description, "price": eur(price)}
        applied(self.send("POST", "/v1/products", body, wait_s=WAIT_S))
        if stock:
            applied(self.receives(product, stock))
        return product

    def receives(self, product: str, quantity: int) -> httpx.Response:
        """Receives stock, and waits for the outcome."""
        return self.send("POST", f"/v1/products/{product}/stock", {"quantity": quantity}, wait_s=WAIT_S)

    def prices(self, product: str, cents: int) -> httpx.Response:
        """Changes a price, and waits for the outcome."""
        return self.send("PUT", f"/v1/products/{product}/price", {"price": eur(cents)}, wait_s=WAIT_S)

    def discontinues(self, product: str) -> httpx.Response:
        """Ends a product's sale, and waits for the outcome."""
        return self.send("DELETE", f"/v1/products/{product}", wait_s=WAIT_S)

    def ships(self, order: str) -> httpx.Response:
        """Ships an order, and waits for the outcome."""
        return self.send("POST", f"/v1/orders/{order}/shipment", wait_s=WAIT_S)

    def available(self, product: str) -> int:
        """How many of a product can be bought now."""
        return int(self.get(f"/v1/products/{product}").json()["available"])

    def sold(self, product: str) -> tuple[int, int]:
        """Units and cents that a product made, yesterday to tomorrow."""
        now = datetime.now(UTC).date()
        day = timedelta(days=1)
        answer = self.get("/v1/sales", **{"from": str(now - day), "to": str(now + day)})
        sales = [each for each_day in answer.json()["days"] for each in each_day["products"]]
        mine = [each for each in sales if each["productId"] == product]
        return sum(each["units"] for each in mine), sum(int(each["revenue"]["minorUnits"]) for each in mine)


class Shopper(Sender):
    """Someone who buys."""

    def adds(self, cart: str, product: str, quantity: int = 1, **asked: Any) -> httpx.Response:  # noqa: ANN401 # as `send` takes it
        """Adds to a cart, and waits for the outcome unless told otherwise."""
        body = {"productId": product, "quantity": quantity}
        return self.send("POST", f"/v1/carts/{cart}/items", body, **({"wait_s": WAIT_S} | asked))

    def checks_out(self, cart: str, total: int, **asked: Any) -> httpx.Response:  # noqa: ANN401 # the same
        """Checks a cart out, and waits for the outcome unless told otherwise."""
        body = {"expectedTotal": eur(total)}
        return self.send("POST", f"/v1/carts/{cart}/checkout", body, **({"wait_s": WAIT_S} | asked))

    def pays(self, order: str, cents: int) -> httpx.Response:
        """Pays an order, and waits for the outcome."""
        return self.send("POST", f"/v1/orders/{order}/payment", {"amount": eur(cents)}, wait_s=WAIT_S)

    def cancels(self, order: str, reason: str = "") -> httpx.Response:
        """Cancels an order, and waits for the outcome."""
        return self.send("POST", f"/v1/orders/{order}/cancellation", {"reason": reason}, wait_s=WAIT_S)

    def fills(self, *items: tuple[str, int]) -> str:
        """A new cart with these quantities of products. Answers its id."""
        cart = new_id("c")
        for product, quantity in items:
            applied(self.adds(cart, product, quantity))
        return cart

    def orders(self, *items: tuple[str, int], total: int) -> str:
        """A new cart with these items, checked out. Answers the order's id, which is the cart's."""
        cart = self.fills(*items)
        applied(self.checks_out(cart, total))
        return cart

    def cart(self, cart: str) -> dict[str, Any]:
        """One of one's carts."""
        return document(self.get(f"/v1/carts/{cart}"))

    def order(self, order: str, *statuses: str) -> dict[str, Any]:
        """One of one's orders, once it has one of the statuses."""

        def reached() -> dict[str, Any]:
            found = document(self.get(f"/v1/orders/{order}"))
            assert not statuses or found["status"] in statuses, found
            return found

        return eventually(reached, timeout_s=20)


@dataclass(frozen=True)
class Operator:
    """Someone with the admin plane of one worker."""

    target: str
    token: str

    def consumers(self) -> dict[str, ConsumerStatus]:
        """The worker's consumers by name."""
        with grpc.insecure_channel(self.target) as channel:
            status = AdminStub(channel).Status(StatusRequest(), timeout=5, metadata=self._metadata)
        return {consumer.name: consumer for consumer in status.consumers}

    def pause(self, consumer: str) -> None:
        """Stops a consumer before its next batch."""
        with grpc.insecure_channel(self.target) as channel:
            AdminStub(channel).Pause(PauseRequest(consumer=consumer), timeout=5, metadata=self._metadata)

    def resume(self, consumer: str = "") -> None:
        """Lets a consumer go on, or all of them."""
        with grpc.insecure_channel(self.target) as channel:
            AdminStub(channel).Resume(ResumeRequest(consumer=consumer), timeout=5, metadata=self._metadata)

    def dead_letters(self, queue: str) -> list[DeadLetterSummary]:
        """All dead letters of a queue, oldest first."""
        request = ListDeadLettersRequest(queue=queue, page_size=100)
        found: list[DeadLetterSummary] = []
        with grpc.insecure_channel(self.target) as channel:
            while True:
                page = AdminStub(channel).ListDeadLetters(request, timeout=5, metadata=self._metadata)
                found += page.letters
                request.page_token = page.next_page_token
                if not page.next_page_token:
                    return found

    def opens(self, letter: DeadLetterSummary) -> GetDeadLetterResponse:
        """A dead letter with its content."""
        request = GetDeadLetterRequest(queue=letter.queue, id=letter.id)
        with grpc.insecure_channel(self.target) as channel:
            return AdminStub(channel).GetDeadLetter(request, timeout=5, metadata=self._metadata)

    def requeues(self, letter: DeadLetterSummary) -> RequeueDeadLettersResponse:
        """Puts a dead letter back into its queue."""
        request = RequeueDeadLettersRequest(queue=letter.queue, ids=[letter.id])
        with grpc.insecure_channel(self.target) as channel:
            return AdminStub(channel).RequeueDeadLetters(request, timeout=5, metadata=self._metadata)

    def discards(self, letter: DeadLetterSummary, reason: str) -> DiscardDeadLettersResponse:
        """Deletes a dead letter for good."""
        request = DiscardDeadLettersRequest(queue=letter.queue, ids=[letter.id], reason=reason)
        with grpc.insecure_channel(self.target) as channel:
            return AdminStub(channel).DiscardDeadLetters(request, timeout=5, metadata=self._metadata)

    @property
    def _metadata(self) -> tuple[tuple[str, str]]:
        return (("authorization", f"Bearer {self.token}"),)


@dataclass(frozen=True)
class Shop:
    """One stack and whoever comes to it."""

    stack: Stack
    http: httpx.Client

    def merchant(self) -> Merchant:
        """A merchant whom nobody has met."""
        return Merchant(*self._new("merchant"))

    def shopper(self) -> Shopper:
        """A shopper whom nobody has met."""
        return Shopper(*self._new("shopper"))

    def person(self, *roles: str) -> Person:
        """Someone with these roles."""
        return Person(*self._new(*roles))

    def stranger(self) -> Person:
        """Someone without a token."""
        return Person(self.http, self.stack.stream_url, "", "")

    def forgets_redis(self) -> None:
        """Empties Redis, as if it had been replaced."""
        with redis.Redis.from_url(self.stack.redis_url) as client:
            client.flushall()

    def operator(self, target: str) -> Operator:
        """An operator of the worker at a gRPC target."""
        return Operator(target, self.person("operator").token)

    def _new(self, *roles: str) -> tuple[httpx.Client, str, str, str]:
        person = meet(self.http, self.stack.stream_url, new_id("-".join(roles) or "nobody"), *roles)
        return person.http, person.stream_url, person.subject, person.token


def document(answer: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer that must be 200."""
    assert answer.status_code == 200, f"{answer.request.url} answered {answer.status_code}: {answer.text}"
    body: dict[str, Any] = answer.json()
    return body


def applied(answer: httpx.Response) -> dict[str, Any]:
    """The body of an answer that says that its command was applied."""
    body = document(answer)
    assert body["status"] == "APPLIED", body
    return body


def accepted(answer: httpx.Response) -> dict[str, Any]:
    """The receipt in an answer that must be one."""
    assert answer.status_code == 202, f"{answer.request.url} answered {answer.status_code}: {answer.text}"
    body: dict[str, Any] = answer.json()
    assert body["status"] == "ACCEPTED", body
    return body


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that must be a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"]


def versions(updates: Iterable[Update]) -> list[int]:
    """The versions that updates told of, in the order in which they came."""
    return [update.version for update in updates]


def heard(stream: Stream, topic: str, version: int, timeout_s: float = 20) -> Update:
    """The update of a topic to a version, once it came."""
    update = stream.wait_for(lambda each: each.topic == topic and each.version == version, timeout_s)
    assert update, (
        f"{topic} at {version} was not told; heard {[(u.topic, u.version) for u in stream.updates]}"
    )
    return update
