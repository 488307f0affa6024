"""Every outcome is what the rules say, and policies send what follows from events."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from itertools import product as combinations
from typing import Any

from google.protobuf.message import Message

from dev.promises.follows import follows
from dev.promises.history import CONTRACT, History, read
from dev.promises.rules import Asked, decide
from dev.promises.states import STATES, Product, happen
from kernel.contract import aggregate_of, fill_from
from prism.envelope.v1.envelope_pb2 import Commit, Envelope, Outcome

POLICY = "policy:checkout"
# Of commands that nobody knows when they were sent.
LONG_AGO = float("-inf")


@dataclass(frozen=True, slots=True)
class Known:
    """A command of which all is known."""

    message: Message
    subject: str
    roles: frozenset[str] = frozenset()
    expected_version: int | None = None
    sent_at: float = LONG_AGO
    # The first command of its chain; empty: itself.
    correlation_id: str = ""


def outcomes_follow_the_rules(history: History) -> Iterator[str]:
    """Each is what the contract says of the state before it: the code, the events and all that is in them."""
    known = _known_commands(history)

    @cache
    def sold(product_id: str, since: float) -> list[Product]:
        return _sold_since(history, product_id, since)

    for stream, commits in history.commits.items():
        state, version = STATES[aggregate_of(stream)](), 0
        for commit in commits:
            for outcome, envelopes in _by_outcome(commit):
                command = known.get(_place(outcome.causation_id, outcome.command_type, stream)) or known.get(
                    outcome.command_id
                )
                events = [read(envelope) for envelope in envelopes]
                if command is not None:
                    possible = _possible(state, version, command, outcome, sold)
                    if (outcome.code, events) not in possible:
                        yield (
                            f"{stream}: {_said(command.message)} of {command.subject} at version {version} came "
                            f"to {_told(outcome.code, events)}, not to {[_told(*one) for one in possible]}"
                        )
                    yield from _misfiled(envelopes, outcome, command)
                for event in events:
                    happen(state, event)
                version += len(events)


def policies_are_followed(history: History) -> Iterator[str]:
    """What must follow from an event was decided, once, and a payment window lasts as long as it should."""
    wanted: Counter[str] = Counter()
    windows: dict[str, float] = {}
    for events in history.events.values():
        for recorded in events:
            for command in follows(recorded.event):
                wanted[_place(recorded.envelope.id, command.DESCRIPTOR.full_name, _stream(command))] += 1
                windows[recorded.envelope.id] = recorded.envelope.time.ToNanoseconds() / 1e9
    decided: Counter[str] = Counter()
    for outcomes in history.outcomes.values():
        for outcome in outcomes:
            if outcome.subject == POLICY:
                decided[_place(outcome.causation_id, outcome.command_type, outcome.stream)] += 1
            if outcome.command_type.endswith(".EndPaymentWindow"):
                lasted_s = outcome.stages.decided_at.ToNanoseconds() / 1e9 - windows[outcome.causation_id]
                if lasted_s < history.payment_window_s - history.clocks_apart_s:
                    yield f"{outcome.stream}: the payment window ended after {lasted_s:.3f} s"
    for place in sorted(wanted.keys() | decided.keys()):
        if wanted[place] != decided[place]:
            yield f"{place}: follows {wanted[place]} times, was decided {decided[place]} times"


def _known_commands(history: History) -> Mapping[str, Known]:
    """Clients' commands by their ids, and those that follow from events by their places."""
    known = {
        accepted.command_id: Known(
            accepted.message,
            accepted.subject,
            accepted.roles,
            accepted.expected_version,
            accepted.sent_at,
            accepted.command_id,
        )
        for accepted in history.accepted
    }
    for events in history.events.values():
        for recorded in events:
            for command in follows(recorded.event):
                place = _place(recorded.envelope.id, command.DESCRIPTOR.full_name, _stream(command))
                known[place] = Known(command, POLICY, correlation_id=recorded.envelope.correlation_id)
    return known


def _place(cause: str, type_: str, stream: str) -> str:
    return f"{type_.rpartition('.')[2]} to {stream} for {cause}"


def _stream(command: Message) -> str:
    return fill_from(CONTRACT.commands[command.DESCRIPTOR.full_name].stream, command)


def _by_outcome(commit: Commit) -> Iterator[tuple[Outcome, list[Envelope]]]:
    for outcome in commit.outcomes:
        yield outcome, [item for item in commit.events if item.causation_id == outcome.command_id]


def _possible(state: Any, version: int, command: Known, outcome: Outcome, sold: Any) -> Sequence[Any]:  # noqa: ANN401 # each stream has its own state
    """What may come of a command: more than one thing where a product changed since it was sent."""
    if command.expected_version not in (None, version):
        return [("VERSION_MISMATCH", [])]
    product_ids = _read(state, command.message)
    found: list[Any] = []
    for products in combinations(*(sold(product_id, command.sent_at) for product_id in product_ids)):
        asked = Asked(
            command.message,
            command.subject,
            command.roles,
            outcome.stages.decided_at,
            dict(zip(product_ids, products, strict=True)),
        )
        one = decide(state, asked)
        if one not in found:
            found.append(one)
    return found


def _read(state: Any, command: Any) -> list[str]:  # noqa: ANN401 # the same
    """The products that the decision on a command looks at."""
    if command.DESCRIPTOR.name == "CheckOutCart":
        return list(state.quantities)
    return [command.product_id] if command.DESCRIPTOR.name in ("AddItemToCart", "ReceiveStock") else []


def _sold_since(history: History, product_id: str, since: float) -> list[Product]:
    """What a product has been since a time."""
    stream = f"product-{product_id}"
    now, found = Product(), []
    for commit, at in zip(history.commits.get(stream, ()), history.appended_at.get(stream, ()), strict=True):
        if at > since:
            found.append(copy(now))
        for envelope in commit.events:
            happen(now, read(envelope))
    return [*found, now]


def _misfiled(envelopes: Sequence[Envelope], outcome: Outcome, command: Known) -> Iterator[str]:
    """An event says whose it is, when it was decided, and to which chain of commands it belongs."""
    for envelope in envelopes:
        said = (envelope.subject, envelope.correlation_id, envelope.time)
        if said != (command.subject, command.correlation_id, outcome.stages.decided_at):
            yield f"event {envelope.id} says {said}, and its command {command}"


def _said(message: Message) -> str:
    return f"{message.DESCRIPTOR.name} {str(message).replace(chr(10), ' ')}"


def _told(code: str, events: Sequence[Message]) -> str:
    return code or ", ".join(map(_said, events)) or "nothing"
