"""Planted bugs, each a mistake that somebody could make: to see that the simulation finds them.

Each is planted in the running process, over the real code.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from dev.simulation.storage import SimulatedEventStore, SimulatedViewStore
from domain_svc.aggregates import order as order_module
from domain_svc.aggregates import stock as stock_module
from domain_svc.aggregates.order import order
from domain_svc.aggregates.stock import stock
from domain_svc.commands import CommandHandler
from domain_svc.reacting import PolicyHandler
from domain_svc.reactions import Reactions
from domain_svc.streams import Stream, Streams
from edge.acceptance import Acceptance
from kernel.consumer import Consumer
from kernel.errors import StorageUnavailable
from kernel.policy import Policy, Send
from kernel.publishing import Subscriber
from kernel.updates import UpdateLog
from prism.order.v1.commands_pb2 import NoteStockReserved
from prism.order.v1.events_pb2 import OrderConfirmed
from prism.stock.v1.commands_pb2 import ReleaseStock, ReserveStock
from prism.stock.v1.events_pb2 import StockReserved
from projector_svc.events import EventHandler
from projector_svc.projecting import Projector
from projector_svc.rows import Rows
from stream_svc.reader import Reader
from stream_svc.repeats import Repeats

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202, ANN401 # each stands for a method of another class, which has the types


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug: what it is, and where it goes."""

    name: str
    what: str
    target: object
    attribute: str
    made_of: Callable[[Any], Any]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The bug is in the code while the block runs."""
        original = getattr(self.target, self.attribute)
        with patch.object(self.target, self.attribute, self.made_of(original)):
            yield


def _delete_before_handling(original):
    def settle(self, messages):
        self._queue.delete(messages)
        original(self, messages)

    return settle


def _delete_before_publishing(original):
    def settle(self, messages):
        handler = self._handle
        if not isinstance(handler, CommandHandler):
            return original(self, messages)
        publish = handler._publish
        held: list[Any] = []
        handler._publish = held.extend
        try:
            original(self, messages)
        finally:
            handler._publish = publish
        if held:
            publish(held)

    return settle


def _forget_what_was_processed(original):
    def follow(self, commit, state):
        original(self, commit, state)
        self.processed.clear()
        self.reactions.clear()

    return follow


def _conflicts_are_dropped(original):
    def append(self, commits):
        original(self, commits)
        return [True] * len(commits)

    return append


def _last_writer_wins(original):
    def save_one(self, row):
        stored = self.rows.get(row.id)
        return original(self, type(row)(row.id, row.data, stored[1] if stored else None))

    return save_one


def _no_gap_is_filled(original):
    return lambda self, *rest: iter(())


def _repeats_are_applied(original):
    def apply(self, target, row, commit, envelope, event):
        version, number = row.progress.get(commit.stream, (0, 0))
        if envelope.version <= version:
            row.progress[commit.stream] = (envelope.version - 1, number)
        yield from original(self, target, row, commit, envelope, event)

    return apply


def _without(kind: type, when: Callable[[Any], bool] = lambda event: True):
    def made_of(original):
        def react(self, event) -> list[Send]:
            sends = original(self, event)
            return [send for send in sends if not (isinstance(send.command, kind) and when(event))]

        return react

    return made_of


def _random_ids(original):
    def command(self, policy, place, send, cause):
        made = original(self, policy, place, send, cause)
        made.id = str(uuid.uuid4())
        return made

    return command


def _failures_are_swallowed(original):
    def call(self, messages):
        try:
            return original(self, messages)
        except StorageUnavailable:
            return []

    return call


def _queue_failures_are_swallowed(original):
    def enqueue(self, candidates):
        with suppress(Exception):
            original(self, candidates)

    return enqueue


def _told_before_saved(original):
    def project(self, readable, names, *, live=True):
        announce, save = self._announce, self._rows.save
        held: list[Any] = []
        if announce is None:
            return original(self, readable, names, live=live)

        def tell_and_save(rows):
            announce(held)
            return save(rows)

        def apply(*about: Any):
            deliveries = type(self)._apply(self, *about)
            held.extend(deliveries)
            return deliveries

        with patch.object(self._rows, "save", tell_and_save), patch.object(self, "_apply", apply):
            return original(self, readable, names, live=live)

    return project


def _nothing_is_forgotten(original):
    return lambda self, names: None


def _missed_updates_are_forgotten(original):
    def publish(self, deliveries):
        original(self, deliveries)
        self._missed = False
        return True

    return publish


def _snapshots_without_commands(original):
    def snapshot(self, stream):
        made = original(self, stream)
        del made.processed[:]
        return made

    return snapshot


def _rejections_are_not_published(original):
    return lambda self, types: bool(types) and original(self, types)


def _with_decision(aggregate, command: Any, decision: Callable[..., Any]) -> dict[str, Any]:
    return {**aggregate.decisions, command.DESCRIPTOR.full_name: decision}


def _confirmed_by_any_line(original):
    def note(state, command, about):
        events = list(order_module.note_stock_reserved(state, command, about))
        yield from events
        if [event.DESCRIPTOR.name for event in events] == ["OrderLineReserved"] and state.status == "PLACED":
            yield OrderConfirmed(order=state.ref)

    return _with_decision(order, NoteStockReserved, note)


def _late_reservations_are_kept(original):
    def note(state, command, about):
        if state.status in ("REJECTED", "CANCELLED"):
            return
        yield from order_module.note_stock_reserved(state, command, about)

    return _with_decision(order, NoteStockReserved, note)


def _reserved_without_looking(original):
    def reserve(state, command, about):
        for event in stock_module.reserve_stock(state, command, about):
            if event.DESCRIPTOR.name == "StockReservationRefused":
                yield StockReserved(
                    product_id=command.product_id, order_id=command.order_id, quantity=command.quantity
                )
            else:
                yield event

    return _with_decision(stock, ReserveStock, reserve)


def _cancelled(event: Any) -> bool:
    return bool(event.DESCRIPTOR.name == "OrderCancelled")


MUTANTS = [
    Mutant(
        "delete-before-handling", "a message is deleted before it is handled",
        Consumer, "_settle", _delete_before_handling,
    ),
    Mutant(
        "ack-before-publish", "a command's message is deleted before its events are published",
        Consumer, "_settle", _delete_before_publishing,
    ),
    Mutant("no-dedup", "processed commands are not remembered", Stream, "follow", _forget_what_was_processed),
    Mutant(
        "snapshot-without-commands", "a snapshot does not keep the processed commands",
        Streams, "_snapshot", _snapshots_without_commands,
    ),
    Mutant(
        "version-check-off", "a commit whose place is taken counts as appended",
        SimulatedEventStore, "append", _conflicts_are_dropped,
    ),
    Mutant(
        "last-writer-wins", "a row is saved over another replica's",
        SimulatedViewStore, "save_one", _last_writer_wins,
    ),
    Mutant("gap-fill-off", "a gap is not filled from the event store", Projector, "_fill_gap", _no_gap_is_filled),
    Mutant("repeats-applied", "an event that comes again is applied again", Projector, "apply", _repeats_are_applied),
    Mutant(
        "release-forgotten", "a cancelled order's stock is not released",
        Policy, "react", _without(ReleaseStock, _cancelled),
    ),
    Mutant(
        "late-reservation-kept", "stock reserved after its order's end is not returned",
        order, "decisions", _late_reservations_are_kept,
    ),
    Mutant("oversold", "a reservation does not look at what is available", stock, "decisions", _reserved_without_looking),
    Mutant("confirmed-early", "one reserved line confirms the order", order, "decisions", _confirmed_by_any_line),
    Mutant("random-policy-ids", "ids of policies' commands are random", Reactions, "_command", _random_ids),
    Mutant(
        "policy-failure-swallowed", "a policy's commands that could not be queued are given up",
        PolicyHandler, "__call__", _failures_are_swallowed,
    ),
    Mutant(
        "no-republish", "the events of a repeated command are not published again",
        CommandHandler, "_repeated", lambda original: lambda self, draft: (),
    ),
    Mutant(
        "rejections-untold", "rejections are not published",
        Subscriber, "wants", _rejections_are_not_published,
    ),
    Mutant(
        "stale-decisions", "what a decision reads of other streams may be old",
        Streams, "load_current", lambda original: lambda self, name: self.load(name),
    ),
    Mutant("stale-streams", "streams stay cached after a failure", Streams, "forget", _nothing_is_forgotten),
    Mutant("stale-rows", "rows stay cached after a failure", Rows, "forget", _nothing_is_forgotten),
    Mutant("told-before-saved", "outcomes are told before the views are saved", EventHandler, "_project", _told_before_saved),
    Mutant(
        "accepted-without-queue", "202 although the queue refused",
        Acceptance, "_enqueue", _queue_failures_are_swallowed,
    ),
    Mutant(
        "missed-updates-hidden", "updates that Redis did not take begin no new epoch",
        UpdateLog, "publish", _missed_updates_are_forgotten,
    ),
    Mutant(
        "lost-memory-unnoticed", "the stream's reader does not look whether Redis lost its memory",
        Reader, "_check_position", lambda original: lambda self: None,
    ),
    Mutant("repeats-told", "the stream tells repeats", Repeats, "is_new", lambda original: lambda self, item: True),
]  # fmt: skip # a mutant in three lines
