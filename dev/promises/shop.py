"""The rules of the shop: prices, stock, carts, orders, and what follows from events."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

from dev.promises.history import CONTRACT, NEVER, READER, History, Recorded
from domain_svc import shop as write_side
from kernel.contract import fill_from

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


def prices_are_those_of_the_moment(history: History) -> Iterator[str]:
    """A cart takes no price that had been replaced before the command was sent."""
    for accepted in history.accepted:
        for recorded in history.events.get(accepted.stream, []):
            event: Any = recorded.event
            if recorded.envelope.causation_id != accepted.command_id:
                continue
            priced = {"ItemAddedToCart": [event], "CartCheckedOut": getattr(event, "lines", [])}
            for line in priced.get(recorded.kind, []):
                if line.unit_price.minor_units not in _prices_since(
                    history, line.product_id, accepted.sent_at
                ):
                    yield f"{accepted.said}: {line.product_id} at an old price, {line.unit_price.minor_units}"


def _prices_since(history: History, product_id: str, since: float) -> set[int]:
    """The prices that a product has had from a time on."""
    stream = f"product-{product_id}"
    prices: list[tuple[float, int]] = []
    for commit, at in zip(history.commits.get(stream, ()), history.appended_at.get(stream, ()), strict=True):
        for envelope in commit.events:
            event: Any = READER.read(envelope)
            if "price" in event.DESCRIPTOR.fields_by_name:
                prices.append((at, event.price.minor_units))
    ends = [at for at, _ in prices[1:]] + [NEVER]
    return {price for (_, price), end in zip(prices, ends, strict=True) if end > since}


def policies_are_followed(history: History) -> Iterator[str]:
    """What must follow from an event was decided, once: each stream answered as many commands of policies."""
    wanted: Counter[str] = Counter()
    for events in history.events.values():
        for recorded in events:
            for policy in write_side.policies(history.payment_window_s):
                wanted.update(_target(send.command) for send in policy.react(recorded.event))
    decided = Counter(
        outcome.stream
        for outcomes in history.outcomes.values()
        for outcome in outcomes
        if outcome.subject.startswith("policy:")
    )
    for stream in sorted(wanted.keys() | decided.keys()):
        if wanted[stream] != decided[stream]:
            yield f"{stream}: {wanted[stream]} commands follow from events, {decided[stream]} were decided"


def _target(command: Message) -> str:
    return fill_from(CONTRACT.commands[command.DESCRIPTOR.full_name].stream, command)


def orders_live_legally(history: History) -> Iterator[str]:
    """Step by step, from the cart's checkout on; none waits for ever; what is paid is the total."""
    carts = dict(history.of("cart"))
    orders = dict(history.of("order"))
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


def stock_adds_up(history: History) -> Iterator[str]:
    """Never oversold at any event; at rest, each product's stock is what came less what orders hold or took."""
    orders = {order_id: _last_status(events) for order_id, events in history.of("order")}
    ordered = {
        (order_id, line.product_id): line.quantity
        for order_id, events in history.of("order")
        for recorded in events
        if recorded.kind == "OrderPlaced"
        for line in recorded.event.lines  # type: ignore[attr-defined] # it has them
    }
    received: Counter[str] = Counter()
    for product_id, events in history.of("stock"):
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
