"""What is known of a shop at rest: the ground that promises are checked on."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from google.protobuf.message import Message

import upcasters
from dev.promises.screen import Screen
from kernel import contract
from kernel.contract import aggregate_of
from kernel.ports import RowId
from kernel.upcasting import EventReader
from prism.cart.v1 import events_pb2 as v1
from prism.cart.v2 import events_pb2 as v2
from prism.common.v1.money_pb2 import Money
from prism.envelope.v1.envelope_pb2 import Commit, Envelope, Outcome

CONTRACT = contract.load()
READER = EventReader(CONTRACT, upcasters.ALL)
NEVER = float("inf")


def read(envelope: Envelope) -> Message:
    """An event as it is to be understood today, the first release's too: nothing of it is upcast by Prism."""
    event: Message = CONTRACT.events[envelope.type].message.FromString(envelope.data)
    if not isinstance(event, v1.ItemAddedToCart):
        return event
    return v2.ItemAddedToCart(
        cart_id=event.cart_id,
        owner_id=event.owner_id,
        product_id=event.product_id,
        name=event.name,
        quantity=event.quantity,
        unit_price=Money(currency="EUR", minor_units=event.unit_price_cents),
    )


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that was not kept, and how."""

    promise: str
    detail: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command that was answered with 202."""

    command_id: str
    stream: str
    subject: str
    message: Message
    # For people: who did what.
    said: str
    # When it was first sent, by the clock that History.appended_at goes by.
    sent_at: float
    # What its sender's token said, and the version of If-Match.
    roles: frozenset[str] = frozenset()
    expected_version: int | None = None


@dataclass(slots=True)
class Recorded:
    """An event as it rests, read."""

    envelope: Envelope
    event: Message

    @property
    def kind(self) -> str:
        """Its short name."""
        return self.event.DESCRIPTOR.name


@dataclass
class History:
    """A shop at rest, and what was told of it."""

    # Every stream's commits, in their order.
    commits: Mapping[str, Sequence[Commit]]
    # The rows of all views.
    rows: Mapping[RowId, bytes]
    accepted: Collection[Accepted]
    screens: Sequence[Screen]
    payment_window_s: float
    # How many messages each queue still has.
    waiting: Mapping[str, int]
    # From when on each commit of a stream was there for all to see; NEVER where nobody can say.
    appended_at: Mapping[str, Sequence[float]]
    # Commands that were refused because "nothing was accepted", and never sent again: by id, what they were.
    given_up: Mapping[str, str]
    # How far apart the clocks of two services may be.
    clocks_apart_s: float = 0.001

    @cached_property
    def events(self) -> dict[str, list[Recorded]]:
        """Every stream's events."""
        return {
            stream: [Recorded(envelope, read(envelope)) for commit in commits for envelope in commit.events]
            for stream, commits in self.commits.items()
        }

    @cached_property
    def outcomes(self) -> dict[str, list[Outcome]]:
        """Every command's outcomes: there should be one of each."""
        found = defaultdict(list)
        for commits in self.commits.values():
            for commit in commits:
                for outcome in commit.outcomes:
                    found[outcome.command_id].append(outcome)
        return found

    def of(self, aggregate: str) -> Iterator[tuple[str, list[Recorded]]]:
        """The ids and events of an aggregate's streams."""
        for stream, events in self.events.items():
            if aggregate_of(stream) == aggregate:
                yield stream.partition("-")[2], events
