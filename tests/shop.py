"""The whole shop in one process, without threads: the real handlers over a real engine, step by step."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

import upcasters
from domain_svc import shop as write_side
from domain_svc.commands import CommandHandler
from domain_svc.deciding import Decider
from domain_svc.forwarding import forward_to
from domain_svc.reacting import PolicyHandler
from domain_svc.streams import Streams
from domain_svc.subscribers import subscribers
from kernel import contract
from kernel.clock import now
from kernel.commits import CommitReader
from kernel.contract import Contract
from kernel.embedded.storage import EmbeddedStorage
from kernel.generations import Pointers, Stamps, stored_name
from kernel.handler import DeadLetter, Handler, Left
from kernel.packing import pack_commands
from kernel.ports import RowId, Storage
from kernel.publishing import publish
from kernel.queues import COMMANDS_LATER, POLICIES
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Commit, Delivery, Envelope, Outcome, ViewRow
from projector_svc import shop as read_side
from projector_svc.events import Announce, EventHandler
from projector_svc.projecting import Projector
from projector_svc.rows import Rows
from projector_svc.written import Written

CONTRACT = contract.load()
READER = EventReader(CONTRACT, upcasters.ALL)
SUBSCRIBERS = sorted({view.subscriber for view in CONTRACT.views.values()})


class Shop:
    """Commands in, events, views and deliveries out."""

    def __init__(self, storage: Storage, payment_window_s: float = 900, stamps: Stamps | None = None) -> None:
        self.storage = storage
        # Without Redis, writers read the generations from storage at every batch.
        self.stamps = stamps
        self.policies = write_side.policies(payment_window_s)
        self.dead: list[DeadLetter] = []
        # What a replica left in the queues; `come_back` puts it there again.
        self.left: list[tuple[str, Left]] = []
        self.deliveries: list[Delivery] = []
        self.failed: list[Outcome] = []
        self.handlers: dict[str, Handler] = {
            "commands": self.replica(),
            COMMANDS_LATER: forward_to(storage.queue("commands"), lambda: None),
            POLICIES: self.reactor(),
            **{f"events-{name}": self.projector(name) for name in SUBSCRIBERS},
        }

    def replica(self, exclusive: bool = False, known: Contract = CONTRACT) -> CommandHandler:
        """A domain service's command handler, with a cache of its own."""
        streams = Streams(self.storage.events, write_side.AGGREGATES, reader(known), exclusive)
        return CommandHandler(
            self.storage.events,
            streams,
            Decider(known, streams.load_current, now),
            self.publish,
            self.failed.extend,
        )

    def reactor(self, known: Contract = CONTRACT) -> PolicyHandler:
        """A domain service's policy handler."""
        return PolicyHandler(
            known,
            self.policies,
            reader(known),
            CommitReader(self.storage.events),
            self.storage.queue("commands"),
            self.storage.queue(COMMANDS_LATER),
            lambda: None,
        )

    def projector(
        self, subscriber: str, known: Contract = CONTRACT, announce: Announce | None = None
    ) -> EventHandler:
        """A projector's handler of one subscriber, with a cache of its own. Tells `deliveries`, or `announce`."""
        projections = [
            item for item in read_side.PROJECTIONS if CONTRACT.views[item.view].subscriber == subscriber
        ]
        return EventHandler(
            Projector(known, projections, reader(known), self.storage.events),
            Rows(self.storage.views, known),
            reader(known),
            CommitReader(self.storage.events),
            (announce or self.announce) if subscriber == contract.ANNOUNCER else None,
            Written([item.view for item in projections], Pointers(self.storage.views), self.stamps),
        )

    def announce(self, deliveries: Sequence[Delivery], debtors: Collection[str]) -> bool:
        """Stands for Redis."""
        self.deliveries += deliveries
        return True

    def publish(self, commits: Sequence[Commit]) -> None:
        """Sends commits to every subscriber, as a domain service does."""
        publish(commits, subscribers(CONTRACT, self.policies, self.storage.queue, lambda queue: lambda: None))

    def send(self, command: Message, by: str = "alice", **fields: Any) -> Envelope:  # noqa: ANN401 # whatever an envelope has
        """Queues a command in an envelope of its own; fields of the envelope can be set."""
        envelope = command_envelope(command, by, **fields)
        self.queue([envelope])
        return envelope

    def queue(self, envelopes: Sequence[Envelope]) -> None:
        """Queues commands."""
        self.storage.queue("commands").put([body for body, _ in pack_commands(envelopes)])

    def step(self, queue: str) -> int:
        """Handles one batch of a queue; answers how many messages it had."""
        messages = self.storage.queue(queue).receive()
        if messages:
            for item in self.handlers[queue](messages):
                if isinstance(item, DeadLetter):
                    self.dead.append(item)
                else:
                    self.left.append((queue, item))
            self.storage.queue(queue).delete(messages)
        return len(messages)

    def settle(self) -> None:
        """Handles messages until no queue has any."""
        while sum(self.step(queue) for queue in self.handlers):
            pass

    def come_back(self) -> None:
        """Puts back what was left, as a worker's loop does."""
        left, self.left = self.left, []
        for queue, item in left:
            self.storage.queue(queue).put([item.body])

    def do(self, command: Message, by: str = "alice", **fields: Any) -> Outcome:  # noqa: ANN401 # the same
        """Sends a command, settles, and answers its outcome."""
        envelope = self.send(command, by, **fields)
        self.settle()
        return self.outcome(envelope.id)

    def outcome(self, command_id: str) -> Outcome:
        """The outcome that was told last of a command."""
        return [item.outcome for item in self.deliveries if item.command_id == command_id][-1]

    def view(self, name: str, partition: str, key: str | None = None) -> Any:  # noqa: ANN401 # each view has its own type
        """A live row's view; None where there is no row."""
        [row] = self.storage.views.get([RowId(self.stored_name(name), partition, key or partition)])
        return CONTRACT.views[name].message.FromString(ViewRow.FromString(row.data).data) if row else None

    def stored_name(self, view: str) -> str:
        """Where a view's live rows are stored."""
        return stored_name(view, Pointers(self.storage.views).read([view])[view].live)

    def rows(self) -> dict[RowId, bytes]:
        """Every live row of every view, as if it were of generation 0."""
        return {
            RowId(view, row.id.partition, row.id.key): row.data
            for view in CONTRACT.views
            for row in self.storage.views.scan(self.stored_name(view))
        }


def reader(known: Contract) -> EventReader:
    """Reads events as a replica does that knows this much."""
    return READER if known is CONTRACT else EventReader(known, upcasters.ALL)


def older(*types: str) -> Contract:
    """What a replica of an older release knows: all but these commands and events."""
    for type_ in types:
        assert type_ in CONTRACT.commands or type_ in CONTRACT.events, type_
    return replace(
        CONTRACT,
        commands={name: item for name, item in CONTRACT.commands.items() if name not in types},
        events={name: item for name, item in CONTRACT.events.items() if name not in types},
    )


def command_envelope(command: Message, by: str = "alice", **fields: Any) -> Envelope:  # noqa: ANN401 # the same
    """A command in an envelope, as the edge makes it."""
    kind = CONTRACT.commands[command.DESCRIPTOR.full_name]
    envelope = Envelope(
        id=str(uuid.uuid4()),
        type=kind.type,
        stream=contract.fill_from(kind.stream, command),
        subject=by,
        roles=sorted(kind.roles),
        data=command.SerializeToString(),
    )
    envelope.correlation_id = envelope.id
    envelope.time.GetCurrentTime()
    for name, value in fields.items():
        setattr(envelope, name, value)
    return envelope


def decision(outcome: Outcome) -> Outcome:
    """An outcome without the times of its stages: those after the decision differ with who tells it."""
    copy = Outcome()
    copy.CopyFrom(outcome)
    copy.ClearField("stages")
    return copy


def open_shop(folder: Path, payment_window_s: float = 900, stamps: Stamps | None = None) -> Shop:
    """A shop on the embedded engine in a folder."""
    return Shop(EmbeddedStorage(str(folder)), payment_window_s, stamps)
