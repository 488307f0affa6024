"""Planted bugs, each a mistake that somebody could make: to see that the simulation finds them.

Each is planted in the running process, over the real code.
"""

import inspect
import textwrap
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from dev.simulation.storage import SimulatedEventStore, SimulatedViewStore
from domain_svc import shop as write_side
from domain_svc.aggregates import cart as cart_module
from domain_svc.aggregates import order as order_module
from domain_svc.aggregates import stock as stock_module
from domain_svc.aggregates.cart import cart
from domain_svc.aggregates.order import order
from domain_svc.aggregates.stock import stock
from domain_svc.commands import CommandHandler
from domain_svc.deciding import Decider
from domain_svc.reacting import PolicyHandler
from domain_svc.reactions import Reactions
from domain_svc.streams import Stream, Streams
from edge import acceptance, idempotency
from edge.acceptance import Acceptance
from edge.idempotency import Keys
from kernel import packing, updates
from kernel.commits import CommitReader
from kernel.consumer import Consumer
from kernel.errors import StorageUnavailable
from kernel.policy import Policy, Send
from kernel.publishing import Subscriber
from kernel.updates import Published, UpdateLog
from prism.cart.v1.commands_pb2 import AddItemToCart, CheckOutCart
from prism.cart.v1.events_pb2 import ItemQuantityChanged
from prism.order.v1.commands_pb2 import EndPaymentWindow, NoteStockReserved, PayOrder
from prism.order.v1.events_pb2 import OrderCancelled, OrderConfirmed
from prism.stock.v1.commands_pb2 import ReleaseStock, ReserveStock
from prism.stock.v1.events_pb2 import StockReleased, StockReserved
from projector_svc import announcing, events, projecting
from projector_svc.announcing import Announcer
from projector_svc.events import EventHandler
from projector_svc.projecting import Projector
from projector_svc.projections.cart import cart as cart_view
from projector_svc.projections.product import product as product_view
from projector_svc.projections.sales import sales as sales_view
from projector_svc.rows import Rows
from stream_svc.cursors import Position
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
            announce(held, ())
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
        published = original(self, deliveries)
        self._missed = False
        return Published.DONE if published is Published.MISSED else published

    return publish


def _epochs_make_no_difference(original):
    def publish(self, deliveries):
        while (published := original(self, deliveries)) is Published.OUTDATED:
            pass
        return published

    return publish


def _only_own_debts_are_paid(original):
    return lambda self, deliveries, debtors: original(self, deliveries, ())


def _snapshots_without_commands(original):
    def snapshot(self, stream):
        made = original(self, stream)
        del made.processed[:]
        return made

    return snapshot


def _rejections_are_not_published(original):
    return lambda self, types: bool(types) and original(self, types)


def _changed(old: str, new: str) -> Callable[[Any], Any]:
    """A function as it is written but for one thing; or a text, as scripts are."""

    def made_of(original):
        source = original if isinstance(original, str) else inspect.getsource(original)
        assert old in source, f"{old!r} is not in it any more"
        if isinstance(original, str):
            return source.replace(old, new)
        made: dict[str, Any] = {}
        # Without its decorators, which would register it once more.
        code = textwrap.dedent(source[source.index("def ") - _indent(source) :]).replace(old, new)
        exec(code, original.__globals__, made)  # noqa: S102 # it is the source beside this one
        return made[original.__name__]

    return made_of


def _indent(source: str) -> int:
    first = source[: source.index("def ")].rpartition("\n")[2]
    return len(first)


def _changed_on(message: Any, old: str, new: str) -> Callable[[Any], Any]:
    """The same with one of the functions that a message's type finds."""
    name = message.DESCRIPTOR.full_name
    return lambda functions: {**functions, name: _changed(old, new)(functions[name])}


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
        "unknown-is-refused", "where the queue's answer was lost, clients are told that nothing was accepted",
        Acceptance, "_put", _changed("return ACCEPTANCE_UNKNOWN", "return QUEUE_UNAVAILABLE"),
    ),
    Mutant(
        "missed-updates-hidden", "updates that Redis did not take begin no new epoch",
        UpdateLog, "publish", _missed_updates_are_forgotten,
    ),
    Mutant(
        "debts-in-memory", "that updates were missed is remembered in memory alone",
        Announcer, "_owe", lambda original: lambda self: None,
    ),
    Mutant(
        "debts-of-the-dead", "what a process owed that has died is not paid",
        Announcer, "__call__", _only_own_debts_are_paid,
    ),
    Mutant(
        "debts-cover-for-ever", "once a process has owed an epoch, it keeps no other debt",
        announcing, "COVERED_S", lambda original: 1e6,
    ),
    Mutant(
        "told-into-any-epoch", "a state that was saved in one epoch is told into the next",
        UpdateLog, "publish", _epochs_make_no_difference,
    ),
    Mutant(
        "repeats-from-memory", "a repeat tells its row as this replica remembers it",
        EventHandler, "_reload_repeated", lambda original: lambda self, readable, rows, names: {},
    ),
    Mutant(
        "lost-memory-unnoticed", "the stream's reader does not look whether Redis lost its memory",
        Reader, "_check_position", lambda original: lambda self: None,
    ),
    Mutant("repeats-told", "the stream tells repeats", Repeats, "is_new", lambda original: lambda self, item: True),
    # Rules.
    Mutant(
        "cart-of-anybody", "whoever knows a cart's id changes it",
        cart_module, "_must_be_open", _changed("state.owner != about.subject", "not about.subject"),
    ),
    Mutant(
        "unseen-price", "a checkout takes a total that is lower than the one expected",
        cart, "decisions", _changed_on(
            CheckOutCart, "expected_total != total", "expected_total.minor_units < total.minor_units"
        ),
    ),
    Mutant(
        "limit-off-by-one", "a line takes no 999 of a product",
        cart, "decisions", _changed_on(AddItemToCart, "> MAX_QUANTITY", ">= MAX_QUANTITY"),
    ),
    Mutant(
        "last-one-unsold", "the last of a stock cannot be reserved",
        stock, "decisions", _changed_on(ReserveStock, "quantity > state.available", "quantity >= state.available"),
    ),
    Mutant(
        "paid-by-anybody", "whoever knows an order's id pays it",
        order, "decisions", _changed_on(PayOrder, "_must_be_own(state, about)", "_must_exist(state)"),
    ),
    Mutant(
        "paid-and-cancelled", "the end of the payment window cancels what is paid",
        order, "decisions", _changed_on(EndPaymentWindow, "== CONFIRMED", "in (CONFIRMED, PAID)"),
    ),
    Mutant(
        "one-line-released", "a cancelled order gives one of its lines back",
        order_module, "_cancelled", _changed("=state.reserved_product_ids", "=state.reserved_product_ids[:1]"),
    ),
    Mutant(
        "refund-forgotten", "a cancellation does not say that the order was paid",
        order_module, "_cancelled", _changed("state.paid_at_ns", "0"),
    ),
    Mutant(
        "window-at-once", "the payment window ends at once",
        write_side, "checkout", _changed(", delay_s=payment_window_s", ""),
    ),
    Mutant(
        "wrong-customer", "an order is placed for its cart's id",
        write_side, "checkout", _changed("customer_id=event.owner_id", "customer_id=event.cart_id"),
    ),
    # Deciding.
    Mutant(
        "ids-by-stream", "policies' commands of one stream share their ids",
        Reactions, "_command", _changed("{cause.id}/", "{cause.stream}/"),
    ),
    Mutant(
        "first-event-only", "policies react to a commit's first event",
        PolicyHandler, "__call__", _changed("in commit.events for", "in commit.events[:1] for"),
    ),
    Mutant(
        "if-match-before-batch", "If-Match looks at the version before the batch",
        Decider, "_events", _changed("version = draft.commit.version", "version = draft.stream.version"),
    ),
    Mutant(
        "batch-on-old-state", "all commands of a batch are decided on the state before it",
        Decider, "_events", _changed("aggregate.decide(draft.state", "aggregate.decide(draft.stream.state"),
    ),
    Mutant("roles-lost", "a decision does not know the roles", Decider, "_events", _changed("(command.roles)", "()")),
    Mutant(
        "conflict-dropped", "commands whose commit met another one are not decided again",
        CommandHandler, "_process", _changed("conflicts[draft.stream.name] = by_stream[draft.stream.name]", "pass"),
    ),
    # Queues.
    Mutant(
        "commits-mixed-up", "commits of two streams in one batch are told apart by their numbers",
        CommitReader, "read", _changed("commits[commit.stream, commit.number]", "commits['', commit.number]"),
    ),
    Mutant(
        "overflow-lost", "what does not fit a message any more is left out",
        packing, "_batches", _changed("batch, total = [], 0\n        batch", "batch, total = [], 0\n            continue\n        batch"),
    ),
    Mutant(
        "given-back-for-good", "messages of a batch that storage refused are deleted",
        Consumer, "_give_back", _changed("self._queue.extend(self._lease.current(messages), delay_s)", "self._queue.delete(messages)"),
    ),
    # Views.
    Mutant(
        "version-of-any-stream", "a product's version is that of its stock, too",
        projecting, "take", _changed(" and aggregate_of(stream) == view.aggregates[0]", ""),
    ),
    Mutant(
        "gap-stops-short", "the last event of a gap is not filled in",
        Projector, "_fill_gap", _changed("< before", "< before - 1"),
    ),
    Mutant(
        "owner-untold", "everybody is told of everybody's carts and orders",
        events, "update_of", _changed("owner=getattr(row.view, view.owner_field) if view.owner_field else ''".replace("''", '""'), 'owner=""'),
    ),
    Mutant(
        "line-total-stale", "a line of another quantity keeps its total",
        cart_view, "handlers", _changed_on(ItemQuantityChanged, "money.times(line.unit_price, line.quantity)", "line.line_total"),
    ),
    Mutant(
        "released-unshown", "released stock is not available in the catalogue",
        product_view, "handlers", _changed_on(StockReleased, "view.available += event.quantity", "pass"),
    ),
    Mutant(
        "sales-kept", "a cancelled order's sales stay",
        sales_view, "handlers", _changed_on(OrderCancelled, "-1", "0"),
    ),
    # The edge.
    Mutant(
        "key-of-anybody", "the same key of two subjects is one key",
        acceptance, "command_id", _changed("_subject_namespace(subject)", "_NAMESPACE"),
    ),
    Mutant(
        "any-body", "a key is good for any other request, too",
        acceptance, "fingerprint", _changed("expected_version).encode(), data", "None).encode(), b''"),
    ),
    Mutant("key-kept", "a key is not free again after a 503", Keys, "free", lambda original: lambda self, keys: None),
    Mutant(
        "claims-by-turns", "whoever claims a key second gets it too (in Lua)",
        idempotency, "_CLAIM", _changed("'NX', ", ""),
    ),
    Mutant(
        "first-untold", "the first of several updates is not told (in Lua)",
        updates, "_ADD", _changed("for i = 5,", "for i = 9,"),
    ),
    # The stream.
    Mutant(
        "cursor-of-the-whole", "a client that has seen a part of an entry goes on after all of it",
        Position, "__str__", _changed("return whole if", "return whole if True or"),
    ),
]  # fmt: skip # a mutant in three lines
