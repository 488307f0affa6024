"""The promises, checked at rest over everything that is stored, announced and shown.

A check yields what is wrong, in sentences. What is shared with the code under test is the contract (which
event belongs to which row, which command follows from which event); what must come of it is worked out
here anew.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from google.protobuf.message import Message

import upcasters
from dev.simulation.clients import Ledger
from dev.simulation.processes import CONTRACT, Site
from dev.simulation.watchers import Watcher, stored_views
from dev.simulation.world import NEVER
from domain_svc import shop as write_side
from domain_svc.lookup import Lookup
from domain_svc.streams import Streams
from kernel.contract import ANNOUNCER, aggregate_of, fill_from
from kernel.ports import EventStore, RowId
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Commit, Delivery, Envelope, Outcome, Update, ViewRow
from projector_svc import shop as read_side
from projector_svc.projecting import Projector
from projector_svc.rows import LiveRow

READER = EventReader(CONTRACT, upcasters.ALL)
# What may follow what in an order's life; the first is what it begins with.
LIFE = {
    "": {"OrderPlaced"},
    "OrderPlaced": {"OrderConfirmed", "OrderRejected", "OrderCancelled"},
    "OrderConfirmed": {"OrderPaid", "OrderCancelled"},
    "OrderPaid": {"OrderShipped", "OrderCancelled"},
    "OrderRejected": set(),
    "OrderCancelled": set(),
    "OrderShipped": set(),
}
# What a command of a client leads to, when it is applied.
EFFECTS = {
    "RegisterProduct": "ProductRegistered",
    "ChangeProductPrice": "ProductPriceChanged",
    "DiscontinueProduct": "ProductDiscontinued",
    "ReceiveStock": "StockReceived",
    "AddItemToCart": "ItemAddedToCart",
    "ChangeItemQuantity": "ItemQuantityChanged",
    "RemoveItemFromCart": "ItemRemovedFromCart",
    "CheckOutCart": "CartCheckedOut",
    "PayOrder": "OrderPaid",
    "ShipOrder": "OrderShipped",
    "CancelOrder": "OrderCancelled",
}


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
class Rest:
    """A shop at rest."""

    site: Site
    ledger: Ledger
    watchers: list[Watcher]
    # Rows of which an older state was told after an epoch began: by view and key.
    late: set[tuple[str, str]]
    # Checks also what is known not to hold yet: see docs/simulation.md.
    strict: bool = False

    @cached_property
    def commits(self) -> dict[str, list[Commit]]:
        """Every stream's commits."""
        stored = self.site.storage.events.commits
        return {stream: [Commit.FromString(data) for data in stored[stream]] for stream in sorted(stored)}

    @cached_property
    def events(self) -> dict[str, list[Recorded]]:
        """Every stream's events."""
        return {
            stream: [
                Recorded(envelope, READER.read(envelope)) for commit in commits for envelope in commit.events
            ]
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

    def prices_since(self, product_id: str, since: float) -> set[int]:
        """The prices that a product has had from a time on."""
        stream = f"product-{product_id}"
        prices: list[tuple[float, int]] = []
        appended_at = self.site.storage.events.appended_at.get(stream, [])
        for commit, at in zip(self.commits.get(stream, []), appended_at, strict=True):
            for envelope in commit.events:
                event: Any = READER.read(envelope)
                if "price" in event.DESCRIPTOR.fields_by_name:
                    prices.append((at, event.price.minor_units))
        ends = [at for at, _ in prices[1:]] + [NEVER]
        return {price for (_, price), end in zip(prices, ends, strict=True) if end > since}

    def of(self, aggregate: str) -> Iterator[tuple[str, list[Recorded]]]:
        """The ids and events of an aggregate's streams."""
        for stream, events in self.events.items():
            if aggregate_of(stream) == aggregate:
                yield stream.partition("-")[2], events


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that was not kept, and how."""

    promise: str
    detail: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.detail}"


def broken_promises(rest: Rest) -> list[Broken]:
    """All that is wrong, causes before what follows from them."""
    found = [Broken("receipts are kept", problem) for problem in rest.ledger.problems]
    found += [Broken("lost updates are owned up to", problem) for problem in rest.site.redis.problems]
    for check in CHECKS:
        try:
            found.extend(Broken(check.__name__.replace("_", " "), detail) for detail in check(rest))
        except Exception as error:  # noqa: BLE001 # what is stored may be too broken to be checked further
            found.append(Broken(check.__name__.replace("_", " "), f"{type(error).__name__}: {error}"))
    return found


def queues_are_empty(rest: Rest) -> Iterator[str]:
    """Nothing waits, and nothing became a dead letter."""
    for name, queue in sorted(rest.site.storage.queues.items()):
        if queue.messages:
            yield f"{len(queue.messages)} messages are left in {name}"


def streams_are_whole(rest: Rest) -> Iterator[str]:
    """Commits and events are numbered without a gap, and every event is its command's."""
    for stream, commits in rest.commits.items():
        version = 0
        for place, commit in enumerate(commits, 1):
            if (commit.stream, commit.number) != (stream, place):
                yield f"{stream}: commit {commit.number} of {commit.stream} rests at {place}"
            told = [
                (ref.event_id, outcome.command_id) for outcome in commit.outcomes for ref in outcome.events
            ]
            held = [(envelope.id, envelope.causation_id) for envelope in commit.events]
            if told != held:
                yield f"{stream}: commit {place} holds {held} and tells of {told}"
            for envelope in commit.events:
                version += 1
                if (envelope.version, envelope.id) != (version, f"{stream}:{version}"):
                    yield f"{stream}: event {envelope.id} (version {envelope.version}) is number {version}"
            if commit.version != version:
                yield f"{stream}: commit {place} says version {commit.version}, and it is {version}"


def commands_have_one_outcome(rest: Rest) -> Iterator[str]:
    """Every command that was accepted has exactly one, in the stream that its receipt named."""
    for command_id, outcomes in rest.outcomes.items():
        if len(outcomes) > 1:
            yield f"command {command_id} has {len(outcomes)} outcomes in {outcomes[0].stream}"
    for accepted in rest.ledger.accepted.values():
        outcomes = rest.outcomes.get(accepted.command_id, [])
        if not outcomes:
            yield f"accepted and lost: {accepted.subject} {accepted.action} ({accepted.command_id})"
        elif outcomes[0].stream != accepted.stream or outcomes[0].subject != accepted.subject:
            yield f"command {accepted.command_id} of {accepted.subject} is answered in {outcomes[0].stream}"


def effects_happen_once(rest: Rest) -> Iterator[str]:
    """An applied command led to the one event that it asked for, a rejected one to none."""
    caused: dict[str, list[Recorded]] = defaultdict(list)
    for events in rest.events.values():
        for recorded in events:
            caused[recorded.envelope.causation_id].append(recorded)
    for accepted in rest.ledger.accepted.values():
        for outcome in rest.outcomes.get(accepted.command_id, []):
            led_to = caused.get(accepted.command_id, [])
            kinds = [recorded.kind for recorded in led_to]
            if outcome.status == Outcome.REJECTED and kinds:
                yield f"{accepted.action}: rejected with {outcome.code}, and led to {kinds}"
            elif outcome.status == Outcome.APPLIED:
                if kinds != [EFFECTS[accepted.message.DESCRIPTOR.name]]:
                    yield f"{accepted.action}: applied, and led to {kinds}"
                else:
                    yield from _differences(accepted.message, led_to[0].event, str(accepted.action))


def prices_are_those_of_the_moment(rest: Rest) -> Iterator[str]:
    """A cart takes no price that had been replaced before the command was sent."""
    for accepted in rest.ledger.accepted.values():
        sent_at = rest.ledger.sent_at[accepted.action.number]
        for recorded in rest.events.get(accepted.stream, []):
            event: Any = recorded.event
            if recorded.envelope.causation_id != accepted.command_id:
                continue
            priced = {"ItemAddedToCart": [event], "CartCheckedOut": getattr(event, "lines", [])}
            for line in priced.get(recorded.kind, []):
                if line.unit_price.minor_units not in rest.prices_since(line.product_id, sent_at):
                    yield f"{accepted.action}: {line.product_id} at an old price, {line.unit_price.minor_units}"


def _differences(command: Any, event: Any, what: str) -> Iterator[str]:  # noqa: ANN401 # any message
    for name in ("product_id", "cart_id", "quantity", "price", "amount"):
        if name in command.DESCRIPTOR.fields_by_name and name in event.DESCRIPTOR.fields_by_name:
            asked, got = getattr(command, name), getattr(event, name)
            if asked != got:
                yield f"{what}: asked for {name} {asked}, and got {got}"


def policies_are_followed(rest: Rest) -> Iterator[str]:
    """What must follow from an event was decided, once: each stream answered as many commands of policies."""
    wanted: Counter[str] = Counter()
    for events in rest.events.values():
        for recorded in events:
            for policy in write_side.policies(rest.site.settings.prism_payment_window):
                wanted.update(_target(send.command) for send in policy.react(recorded.event))
    decided = Counter(
        outcome.stream
        for outcomes in rest.outcomes.values()
        for outcome in outcomes
        if outcome.subject.startswith("policy:")
    )
    for stream in sorted(wanted.keys() | decided.keys()):
        if wanted[stream] != decided[stream]:
            yield f"{stream}: {wanted[stream]} commands follow from events, {decided[stream]} were decided"


def _target(command: Message) -> str:
    return fill_from(CONTRACT.commands[command.DESCRIPTOR.full_name].stream, command)


def orders_live_legally(rest: Rest) -> Iterator[str]:
    """Step by step, from the cart's checkout on; none waits for ever; what is paid is the total."""
    carts = dict(rest.of("cart"))
    orders = dict(rest.of("order"))
    for cart_id, events in carts.items():
        checkouts = [recorded.event for recorded in events if recorded.kind == "CartCheckedOut"]
        if len(checkouts) > 1:
            yield f"cart {cart_id} was checked out {len(checkouts)} times"
        elif checkouts and events[-1].kind != "CartCheckedOut":
            yield f"cart {cart_id} was changed after its checkout"
        elif checkouts and cart_id not in orders:
            yield f"cart {cart_id} was checked out, and there is no order"
        yield from _cart_is_right(cart_id, events)
    for order_id, events in orders.items():
        status = ""
        for recorded in events:
            if recorded.kind in LIFE:
                if recorded.kind not in LIFE[status]:
                    yield f"order {order_id}: {recorded.kind} after {status or 'nothing'}"
                status = recorded.kind
            elif not status:
                yield f"order {order_id}: {recorded.kind} before it was placed"
        if status in ("OrderPlaced", "OrderConfirmed"):
            yield f"order {order_id} waits for ever: {status}"
        yield from _order_is_right(order_id, events, carts.get(order_id, []))


def _cart_is_right(cart_id: str, events: list[Recorded]) -> Iterator[str]:
    """What is checked out is what was put into it."""
    quantities: dict[str, int] = {}
    for recorded in events:
        event: Any = recorded.event
        if recorded.kind == "ItemAddedToCart":
            quantities[event.product_id] = quantities.get(event.product_id, 0) + event.quantity
        elif recorded.kind == "ItemQuantityChanged":
            quantities[event.product_id] = event.quantity
        elif recorded.kind == "ItemRemovedFromCart":
            quantities.pop(event.product_id, None)
        elif recorded.kind == "CartCheckedOut":
            bought = {line.product_id: line.quantity for line in event.lines}
            total = sum(line.line_total.minor_units for line in event.lines)
            if bought != quantities or total != event.total.minor_units:
                yield f"cart {cart_id} held {quantities}, and {bought} was checked out"


def _order_is_right(order_id: str, events: list[Recorded], cart: list[Recorded]) -> Iterator[str]:
    placed: Any = next((recorded.event for recorded in events if recorded.kind == "OrderPlaced"), None)
    checkout: Any = next((recorded.event for recorded in cart if recorded.kind == "CartCheckedOut"), None)
    if placed is None:
        return
    if checkout is None or list(placed.lines) != list(checkout.lines) or placed.total != checkout.total:
        yield f"order {order_id} is not what was checked out"
    reserved = {recorded.event.product_id for recorded in events if recorded.kind == "OrderLineReserved"}  # type: ignore[attr-defined] # it has one
    for recorded in events:
        event: Any = recorded.event
        if recorded.kind == "OrderPaid" and event.amount != placed.total:
            yield f"order {order_id} comes to {placed.total.minor_units}, paid: {event.amount.minor_units}"
        if recorded.kind == "OrderConfirmed" and reserved < {line.product_id for line in placed.lines}:
            yield f"order {order_id} was confirmed with only {sorted(reserved)} reserved"


def stock_adds_up(rest: Rest) -> Iterator[str]:
    """Never oversold at any event; at rest, each product's stock is what came less what orders hold or took."""
    orders = {order_id: _last_status(events) for order_id, events in rest.of("order")}
    ordered = {
        (order_id, line.product_id): line.quantity
        for order_id, events in rest.of("order")
        for recorded in events
        if recorded.kind == "OrderPlaced"
        for line in recorded.event.lines  # type: ignore[attr-defined] # it has them
    }
    received: Counter[str] = Counter()
    for product_id, events in rest.of("stock"):
        on_hand, held, dispatched = 0, dict[str, int](), dict[str, int]()
        for recorded in events:
            event: Any = recorded.event
            if recorded.kind == "StockReceived":
                on_hand += event.quantity
                received[product_id] += event.quantity
            elif recorded.kind == "StockReserved":
                if event.order_id in held or event.order_id in dispatched:
                    yield f"stock of {product_id}: reserved twice for {event.order_id}"
                held[event.order_id] = event.quantity
            elif recorded.kind in ("StockReleased", "StockDispatched"):
                if held.pop(event.order_id, None) != event.quantity:
                    yield f"stock of {product_id}: {recorded.kind} for {event.order_id} without a reservation"
                if recorded.kind == "StockDispatched":
                    on_hand -= event.quantity
                    dispatched[event.order_id] = event.quantity
            if not 0 <= sum(held.values()) <= on_hand:
                yield f"stock of {product_id} is oversold: {held} reserved of {on_hand}"
        for (order_id, ordered_id), quantity in sorted(ordered.items()):
            if ordered_id == product_id:
                status = orders[order_id]
                wanted = (
                    quantity if status in ("OrderConfirmed", "OrderPaid") else None,
                    quantity if status == "OrderShipped" else None,
                )
                if (held.pop(order_id, None), dispatched.pop(order_id, None)) != wanted:
                    yield f"stock of {product_id}: order {order_id} is {status}, and holds or took another part"
        if held or dispatched:
            yield f"stock of {product_id}: {held} held and {dispatched} taken by nobody's order"


def _last_status(events: list[Recorded]) -> str:
    return next((recorded.kind for recorded in reversed(events) if recorded.kind in LIFE), "")


class DirectStore:
    """The event store without the network: as much of it as a rebuild asks for."""

    def __init__(self, commits: Mapping[str, list[Commit]]) -> None:
        self._commits = commits

    def read(self, stream: str, after: int = 0, limit: int | None = None) -> list[Commit]:
        """The stream's commits."""
        return self._commits.get(stream, [])[after:][:limit]


def views_equal_a_rebuild(rest: Rest) -> Iterator[str]:
    """Byte for byte, every row of every view."""
    rows: dict[RowId, LiveRow] = {}
    store = cast("EventStore", DirectStore(rest.commits))
    projector = Projector(CONTRACT, read_side.PROJECTIONS, READER, store)
    for stream, commits in rest.commits.items():
        for commit in commits:
            for envelope in commit.events:
                event = READER.read(envelope)
                for target in projector.targets(stream, event):
                    message = target.view.message
                    row = rows.setdefault(target.row_id, LiveRow(target.row_id, message()))
                    list(projector.apply(target, row, commit, envelope, event))
    stored = {id_: data for id_, (data, _) in rest.site.storage.views.rows.items()}
    for id_ in sorted(rows.keys() | stored.keys(), key=str):
        if id_ not in stored:
            yield f"view {id_.view}/{id_.key} is missing"
        elif id_ not in rows:
            yield f"view {id_.view}/{id_.key} should not be"
        elif stored[id_] != rows[id_].stored():
            live = CONTRACT.views[id_.view].message.FromString(ViewRow.FromString(stored[id_]).data)
            yield f"view {id_.view}/{id_.key} differs from a rebuild: {live} instead of {rows[id_].view}"


def outcomes_can_be_asked_for(rest: Rest) -> Iterator[str]:
    """domain_svc finds every outcome in the event store; Redis tells no other."""
    site = rest.site
    streams = Streams(site.storage.events, write_side.AGGREGATES, READER, exclusive=False)
    lookup = Lookup(site.storage.events, streams)
    namespace = site.settings.prism_namespace
    for accepted in rest.ledger.accepted.values():
        stored = rest.outcomes.get(accepted.command_id)
        if not stored:
            continue
        if lookup.outcome(accepted.stream, accepted.command_id) != stored[0]:
            yield f"command {accepted.command_id}: domain_svc does not find its outcome"
        told = site.redis.get_now(f"{namespace}:outcome:{accepted.command_id}")
        if told and same(Outcome.FromString(told)) != same(stored[0]):
            yield f"command {accepted.command_id}: Redis tells another outcome than the store"
        if (
            not told
            and not site.redis.troubled
            and site.redis.get_now(f"{namespace}:accepted:{accepted.command_id}")
        ):
            yield f"command {accepted.command_id}: decided, and Redis was never told"


def screens_show_what_is_stored(rest: Rest) -> Iterator[str]:
    """Whoever followed the stream, and refetched when told to, has seen everything."""
    known = not rest.strict
    if known and (rest.site.redis.owing or rest.site.redis.forgotten):
        return
    for watcher in rest.watchers:
        who = f"screen of {watcher.subject}"
        yield from (f"{who}: {complaint}" for complaint in watcher.complaints)
        stored = stored_views(rest.site, watcher.subject, watcher.topics)
        for row in sorted(stored.keys() | watcher.shown.keys()):
            if stored.get(row) != watcher.shown.get(row) and not (known and row in rest.late):
                yield f"{who} shows {row} as {watcher.shown.get(row)}, stored is {stored.get(row)}"
        if "commands" in watcher.topics:
            for accepted in rest.ledger.accepted.values():
                if accepted.subject == watcher.subject and accepted.command_id not in watcher.commands:
                    yield f"{who} was never told of {accepted.action} ({accepted.command_id})"
        if "activity" in watcher.topics:
            events = {recorded.envelope.id for events in rest.events.values() for recorded in events}
            if missing := events - watcher.events:
                yield f"{who} was never told of {sorted(missing)}"


def same(outcome: Outcome) -> Outcome:
    """An outcome without when it passed which stage, which is told later than stored."""
    copy = Outcome()
    copy.CopyFrom(outcome)
    copy.ClearField("stages")
    return copy


class Announcements:
    """Checks every entry of the updates when it is added: what is told is stored, and in the views."""

    def __init__(self, site: Site) -> None:
        self.problems: list[str] = []
        self.late: set[tuple[str, str]] = set()
        self._site = site
        projections = [p for p in read_side.PROJECTIONS if CONTRACT.views[p.view].subscriber == ANNOUNCER]
        self._projector = Projector(CONTRACT, projections, READER, site.storage.events)

    def __call__(self, entry: bytes) -> None:
        """An entry was added just now."""
        delivery = Delivery.FromString(entry)
        outcome = delivery.outcome
        if self._site.redis.epochs > 1:
            self.late |= {row_of(update) for update in delivery.updates if self._is_late(update)}
        if not delivery.HasField("outcome"):
            return
        if outcome.status == Outcome.FAILED:
            self.problems.append(f"command {outcome.command_id} failed: {outcome.detail}")
            return
        stored = [
            other
            for data in self._site.storage.events.commits.get(outcome.stream, [])
            for other in Commit.FromString(data).outcomes
            if other.command_id == outcome.command_id
        ]
        if [same(outcome)] != [same(other) for other in stored]:
            self.problems.append(f"command {outcome.command_id}: told {outcome}, stored {stored}")
        for envelope in delivery.events:
            for target in self._projector.targets(envelope.stream, READER.read(envelope)):
                data = self._site.storage.views.rows.get(target.row_id, (b"", ""))[0]
                if ViewRow.FromString(data).progress[envelope.stream].version < envelope.version:
                    self.problems.append(
                        f"command {outcome.command_id} was told before {target.row_id.view}/"
                        f"{target.row_id.key} showed {envelope.id}"
                    )

    def _is_late(self, update: Update) -> bool:
        """Whether the row has moved on since the state that is told."""
        view, key = row_of(update)
        partition = "catalogue" if view == "product" else key
        data = self._site.storage.views.rows.get(RowId(view, partition, key), (b"", ""))[0]
        return update.revision < sum(item.version for item in ViewRow.FromString(data).progress.values())


def row_of(update: Update) -> tuple[str, str]:
    """The view and key of the row that an update tells of: its first topic is made of them."""
    view, _, key = update.topics[0].partition("/")
    return view, key


CHECKS = (
    streams_are_whole,
    commands_have_one_outcome,
    effects_happen_once,
    prices_are_those_of_the_moment,
    stock_adds_up,
    orders_live_legally,
    policies_are_followed,
    queues_are_empty,
    views_equal_a_rebuild,
    outcomes_can_be_asked_for,
    screens_show_what_is_stored,
)
