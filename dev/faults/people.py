"""Shoppers and merchants over HTTP: they do what the simulation's do, and keep what they were told."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from google.protobuf import json_format
from google.protobuf.message import Message

from dev.demo.client import Person, connect, meet
from dev.promises.history import CONTRACT, Accepted
from dev.simulation import workload
from dev.simulation.messages import message_of
from dev.simulation.workload import MERCHANT, Action, joined
from edge.idempotency import command_id
from kernel.contract import fill_from
from kernel.encoding import to_document

# A request is sent so often, at most; an outage may last for a while.
TRIES = 40
# A query is answered again within so many seconds, whatever breaks.
LONGEST_OUTAGE_S = 60.0
# Every so many-th request asks to wait for its outcome.
WAITS = 0.3
WAIT_S = 5
# Who gives up after a refusal, now and then: it was told that nothing was accepted.
GIVES_UP = 0.3
# Queries read a shared row of each: which parts of an action name something of the shop.
VIEW_PATHS = {"cart": "/v1/carts/{}", "order": "/v1/orders/{}", "product": "/v1/products/{}"}


@dataclass(slots=True)
class Ledger:
    """What everybody was told. Safe for threads."""

    accepted: dict[str, Accepted] = field(default_factory=dict)
    # When somebody was first told that a command was applied: by its id.
    known_at: dict[str, float] = field(default_factory=dict)
    # Commands that were refused with "nothing was accepted", and never sent again: by id, what they were.
    given_up: dict[str, str] = field(default_factory=dict)
    # Keyed requests that were accepted, to be sent once more: who, and how.
    repeatable: list[tuple[Person, Callable[[], httpx.Response], str]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def complain(self, problem: str) -> None:
        """Keeps what should not have been answered."""
        with self.lock:
            self.problems.append(problem)


class Round:
    """A small shop of its own: its products, a merchant, a few shoppers, each in a thread."""

    def __init__(
        self, number: int, edge_url: str, stream_url: str, ledger: Ledger, dice: random.Random
    ) -> None:
        self._http = connect(edge_url)
        self._ledger = ledger
        self._ends = threading.Event()
        self.actions = [_renamed(action, f"r{number}") for action in workload.draw(dice)]
        self._dice = {
            subject: random.Random(dice.random())  # noqa: S311 # chance, not a secret
            for subject in sorted({action.subject for action in self.actions})
        }
        self.people = {
            subject: meet(self._http, stream_url, subject, _role(subject)) for subject in self._dice
        }
        self._threads = [
            threading.Thread(target=self._live, args=(subject,), name=subject) for subject in self._dice
        ]

    def topics_of(self, subject: str) -> tuple[str, ...]:
        """What a screen of theirs follows: all that is theirs, and the products."""
        users: dict[str, set[str]] = {}
        for action in self.actions:
            if action.kind in ("add", "check_out"):
                users.setdefault(action.target, set()).add(action.subject)
        # A cart that two of them use may become the other's, and then its topic is closed.
        carts = sorted(f"cart/{cart}" for cart, who in users.items() if who == {subject})
        products = sorted(f"product/{action.target}" for action in self.actions if action.kind == "register")
        return ("orders", "commands", *carts, *products)

    def start(self) -> None:
        """Opens the shop."""
        for thread in self._threads:
            thread.start()

    @property
    def over(self) -> bool:
        """Whether everybody has done what they wanted."""
        return not any(thread.is_alive() for thread in self._threads)

    def end(self) -> None:
        """Lets everybody finish what they are at, and returns."""
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _live(self, subject: str) -> None:
        try:
            for actions in joined([action for action in self.actions if action.subject == subject]):
                if self._ends.wait(actions[0].think_s):
                    return
                if len(actions) > 1:
                    self._send_batch(subject, actions)
                else:
                    self._act(subject, actions[0])
        except Exception as error:  # noqa: BLE001 # told with all else that went wrong
            self._ledger.complain(f"{subject} broke off: {type(error).__name__}: {error}")

    def _act(self, subject: str, action: Action) -> None:
        person, dice = self.people[subject], self._dice[subject]
        message = message_of(action, lambda view, key: look(person, view, key), time.sleep)
        version = None
        if action.if_match:
            seen = look(person, "cart", action.target)
            version = max(1, seen.version - (action.if_match == "stale")) if seen and seen.version else 1
        wait_s = WAIT_S if action.kind == "reprice" or dice.random() < WAITS else 0
        key = f"key-{action.number}" if action.keyed else ""
        sent_at = time.monotonic()
        send = request_of(person, message, wait_s=wait_s, key=key, if_match=version)

        def deliver() -> None:
            if answer := self._settle(send, action, dice):
                self._hear(person, action, message, answer, sent_at, send, version)

        twin = threading.Thread(target=deliver) if action.twin and key else None
        if twin:
            twin.start()
        deliver()
        for _ in range(action.again if key else 0):
            deliver()
        if twin:
            twin.join()

    def _settle(
        self, send: Callable[[], httpx.Response], action: Action, dice: random.Random
    ) -> httpx.Response | None:
        """The answer that settles it, if there is one; tries again as a good client does."""
        unsure = False
        for _ in range(TRIES):
            try:
                answer = send()
                said, code = answer.status_code, answer.json().get("code", "")
            except httpx.TransportError:
                said, code = 0, "NO_ANSWER"
            with self._ledger.lock:
                self._ledger.answers[f"{said} {code}".strip()] += 1
            # No answer, or one that says that nobody knows: it may have been accepted.
            unsure = unsure or said in (0, 504)
            if unsure and not action.keyed:
                return None  # Whoever has no key cannot ask.
            alone = action.keyed and not action.again and not action.twin
            if said == 503 and not unsure and alone and dice.random() < GIVES_UP:
                self._give_up(action)
                return None
            if said not in (0, 429, 503, 504) and code != "IDEMPOTENCY_KEY_IN_FLIGHT":
                return answer
            time.sleep(dice.uniform(0.1, 0.8))
        return None

    def _give_up(self, action: Action) -> None:
        id_ = command_id(action.subject, f"key-{action.number}")
        with self._ledger.lock:
            self._ledger.given_up[id_] = str(action)

    def _hear(
        self,
        person: Person,
        action: Action,
        message: Message,
        answer: httpx.Response,
        sent_at: float,
        send: Callable[[], httpx.Response],
        version: int | None,
    ) -> None:
        body = answer.json()
        if "commandId" not in body:
            self._ledger.complain(f"{action.subject} {action}: {answer.status_code} {answer.text[:200]}")
            return
        self._note(action, message, body, sent_at, version)
        ledger = self._ledger
        if action.keyed:
            with ledger.lock:
                ledger.repeatable.append((person, send, body["commandId"]))
        if answer.status_code == 200 and body.get("status") == "APPLIED":
            view, key = body["stream"].split("-", 1)
            # A merchant ships orders of others, and may not see them.
            if view == "product" or (view in VIEW_PATHS and not action.subject.endswith(MERCHANT)):
                shown = look(person, view, key)
                if shown is None or shown.version < body["version"]:
                    ledger.complain(f"{action}: applied at {body['version']}, and the view shows {shown}")

    def _send_batch(self, subject: str, actions: Sequence[Action]) -> None:
        person, dice = self.people[subject], self._dice[subject]
        messages = [
            message_of(action, lambda view, key: look(person, view, key), time.sleep) for action in actions
        ]
        entries = []
        for action, message in zip(actions, messages, strict=True):
            entry: dict[str, Any] = {"type": message.DESCRIPTOR.name, "body": to_document(message)}
            if action.keyed:
                entry["idempotencyKey"] = f"key-{action.number}"
            entries.append(entry)
        sent_at = time.monotonic()

        def send() -> httpx.Response:
            return person.send("POST", "/v1/commands", {"commands": entries})

        answer = self._settle(send, replace(actions[0], again=1), dice)
        if answer is None:
            return
        if answer.status_code != 202:
            self._ledger.complain(f"{subject}, a batch: {answer.status_code} {answer.text[:200]}")
            return
        for action, message, result in zip(actions, messages, answer.json()["results"], strict=True):
            if "commandId" in result:
                self._note(action, message, result, sent_at)
            elif result.get("code") != "IDEMPOTENCY_KEY_IN_FLIGHT":
                self._ledger.complain(f"{subject} {action}, in a batch: {result}")

    def _note(
        self,
        action: Action,
        message: Message,
        body: dict[str, Any],
        sent_at: float,
        version: int | None = None,
    ) -> None:
        """Keeps a receipt."""
        ledger, id_ = self._ledger, body["commandId"]
        stream = body.get("stream") or fill_from(
            CONTRACT.commands[message.DESCRIPTOR.full_name].stream, message
        )
        said, roles = f"{action.subject} {action}", frozenset({_role(action.subject)})
        with ledger.lock:
            ledger.accepted.setdefault(
                id_, Accepted(id_, stream, action.subject, message, said, sent_at, roles, version)
            )
            if body.get("status") == "APPLIED":
                ledger.known_at.setdefault(id_, time.monotonic())
        if action.keyed and id_ != command_id(action.subject, f"key-{action.number}"):
            ledger.complain(f"{action.subject} {action}: one key, two commands")


def _role(subject: str) -> str:
    return "merchant" if subject.endswith(MERCHANT) else "shopper"


def request_of(
    person: Person, message: Message, *, wait_s: int = 0, key: str = "", if_match: int | None = None
) -> Callable[[], httpx.Response]:
    """What sends a command on its route."""
    route = CONTRACT.commands[message.DESCRIPTOR.full_name].route
    assert route, "people send commands that have one"
    document = to_document(message)
    body = {name: value for name, value in document.items() if _snake(name) not in route.fields}
    path = fill_from(route.path, message)
    return lambda: person.send(
        route.verb, path, body if route.has_body else None, wait_s=wait_s, key=key, if_match=if_match
    )


def look(person: Person, view: str, key: str) -> Any:  # noqa: ANN401 # each view has its own type
    """A view as someone sees it now, asked for until there is an answer; None where there is none."""
    deadline = time.monotonic() + LONGEST_OUTAGE_S
    while True:
        with suppress(httpx.TransportError):
            answer = person.get(VIEW_PATHS[view].format(key))
            if answer.status_code == 200:
                return json_format.ParseDict(answer.json(), CONTRACT.views[view].message())
            if answer.status_code == 404:
                return None
        if time.monotonic() > deadline:
            raise TimeoutError(f"{view}/{key} could not be read for {LONGEST_OUTAGE_S:g} s")
        time.sleep(0.3)


def _renamed(action: Action, prefix: str) -> Action:
    """The action in a round of its own: other people, carts and products."""
    product = f"{prefix}-{action.product}" if action.product else ""
    subject, target = f"{prefix}-{action.subject}", f"{prefix}-{action.target}"
    return replace(action, subject=subject, target=target, product=product)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
