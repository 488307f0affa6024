"""Items: what clients are told of one entry of the updates, in this order.

    the changed views, each under its own topics (`cart/c1`)
    the command's outcome, under `commands`
    every event, under `activity`

So whoever reads an outcome has already been told of the views that show it.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from kernel.contract import Contract
from kernel.encoding import to_document
from kernel.updates import Entry
from prism.envelope.v1.envelope_pb2 import Delivery, Envelope, Outcome, Update
from stream_svc.cursors import Place, Position, place_of
from stream_svc.sse import SseMessage

COMMANDS = "commands"
ACTIVITY = "activity"
# Of an outcome: whoever reads it is its sender, and the rest is for operators.
UNTOLD = {"subject", "commandType", "causationId", "traceparent", "stages"}
# A dead letter that was requeued is decided after it had failed.
_FINALITY = {Outcome.ACCEPTED: 0, Outcome.FAILED: 1, Outcome.APPLIED: 2, Outcome.REJECTED: 2}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """One message to every client that is interested in it and may see it."""

    position: Position
    # The `event:` of the message.
    event: str
    # The most specific first.
    topics: tuple[str, ...]
    # The only subject that may see it; empty: whoever may subscribe to the topic.
    owner: str
    version: int
    command_id: str
    # What the item tells about, and its state: a repeat tells of the same in no newer state.
    about: tuple[str, str]
    state: int
    source: Update | Outcome | Envelope

    def render(self, contract: Contract) -> str | None:
        """The part of the message's JSON that all topics share; None, and a log entry, if it is defective."""
        try:
            data = _data(self.source, contract)
        except (DecodeError, ValueError):
            log.exception("item %s of %s cannot be shown", self.position, self.about)
            return None
        shared = {"version": self.version, "commandId": self.command_id, "data": data}
        return _json(shared)[1:]

    def message(self, topic: str, rendered: str) -> bytes:
        """The message under a topic, from what `render` answered."""
        return SseMessage(f'{{"topic":{_json(topic)},{rendered}', self.event, str(self.position)).encode()


@dataclass(slots=True)
class Expanded:
    """An entry with its items, and what became of it here."""

    position: Position
    items: tuple[Item, ...]
    command_id: str = ""
    # In Redis, in bytes.
    size: int = 0
    # When it was handed to clients, in nanoseconds since the epoch, and to how many. 0: it was not.
    delivered_at_ns: int = 0
    clients: int = 0


def expand(entry: Entry, contract: Contract) -> Expanded:
    """An entry's items. Their indices depend on the entry alone, so that cursors outlive a restart."""
    epoch, end = entry.cursor.epoch, place_of(entry.cursor.entry_id)
    sources: list[Update | Outcome | Envelope] = [*entry.delivery.updates]
    if entry.delivery.HasField("outcome"):
        sources.append(entry.delivery.outcome)
    sources.extend(entry.delivery.events)
    items = (
        item
        for index, source in enumerate(sources)
        for item in _items(
            Position(epoch, Place(end.milliseconds, end.sequence, index)), source, entry.delivery, contract
        )
    )
    return Expanded(Position(epoch, end), tuple(items), entry.delivery.command_id, entry.delivery.ByteSize())


def _items(
    position: Position, source: Update | Outcome | Envelope, delivery: Delivery, contract: Contract
) -> Iterator[Item]:
    """The item of a source; none for an update that nobody can subscribe to."""
    match source:
        case Update():
            view = contract.views.get(source.view)
            # An owned row whose owner is not said is shown to nobody.
            if view is None or not source.topics or (view.owner_field and not source.owner):
                return
            topics = tuple(source.topics)
            # A row is one thing, whichever of its streams moved it: replicas may tell of it out of order.
            about, state = (source.topics[0], ""), source.revision
            if not state:
                about, state = (source.topics[0], source.stream), source.stream_version
            yield Item(
                position, view.name, topics, source.owner, source.version, delivery.command_id,
                about, state, source,
            )  # fmt: skip # one line a group of fields
        case Outcome():
            if not source.subject:
                return
            yield Item(
                position, "command", (COMMANDS,), source.subject, source.version, source.command_id,
                (COMMANDS, source.command_id), _FINALITY.get(source.status, 0), source,
            )  # fmt: skip # the same
        case Envelope():
            yield Item(
                position, ACTIVITY, (ACTIVITY,), "", source.version, source.causation_id,
                (ACTIVITY, source.id), 0, source,
            )  # fmt: skip # the same


def _data(source: Update | Outcome | Envelope, contract: Contract) -> dict[str, Any]:
    match source:
        case Update():
            return to_document(contract.views[source.view].message.FromString(source.data))
        case Outcome():
            return {name: told for name, told in to_document(source).items() if name not in UNTOLD}
        case Envelope():
            return _activity(source, contract)


def _activity(envelope: Envelope, contract: Contract) -> dict[str, Any]:
    event = contract.events.get(envelope.type)
    return {
        "eventId": envelope.id,
        "type": envelope.type.rpartition(".")[2],
        "stream": envelope.stream,
        "version": envelope.version,
        "time": envelope.time.ToJsonString(),
        "subject": envelope.subject,
        "commandId": envelope.causation_id,
        "correlationId": envelope.correlation_id,
        # Null for an event of a release newer than this one.
        "data": to_document(event.message.FromString(envelope.data)) if event else None,
    }


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
