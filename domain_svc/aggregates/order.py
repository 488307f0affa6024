"""An order: placed, confirmed once every line is reserved, paid, shipped; or rejected or cancelled."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kernel.aggregate import About, Aggregate
from kernel.errors import Rejected
from prism.common.v1.money_pb2 import Line, Money
from prism.order.v1.commands_pb2 import (
    CancelOrder,
    EndPaymentWindow,
    NoteStockRefused,
    NoteStockReserved,
    PayOrder,
    PlaceOrder,
    ShipOrder,
)
from prism.order.v1.events_pb2 import (
    OrderCancelled,
    OrderConfirmed,
    OrderLineReserved,
    OrderLineReturned,
    OrderPaid,
    OrderPlaced,
    OrderRef,
    OrderRejected,
    OrderShipped,
)

PLACED, CONFIRMED, REJECTED, PAID, SHIPPED, CANCELLED = (
    "PLACED",
    "CONFIRMED",
    "REJECTED",
    "PAID",
    "SHIPPED",
    "CANCELLED",
)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of the order, and whether its stock is reserved."""

    product_id: str
    name: str
    quantity: int
    unit_price: int
    reserved: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What an order has come to. One without a status was never placed."""

    status: str = ""
    order_id: str = ""
    customer: str = ""
    placed_at_ns: int = 0
    paid_at_ns: int = 0
    currency: str = ""
    total: int = 0
    order_lines: tuple[OrderLine, ...] = ()

    @property
    def ref(self) -> OrderRef:
        """What every event says of its order."""
        return OrderRef(
            order_id=self.order_id, customer_id=self.customer, placed_at=_timestamp(self.placed_at_ns)
        )

    @property
    def lines(self) -> list[Line]:
        """The lines as contracts speak of them."""
        return [
            Line(
                product_id=line.product_id,
                name=line.name,
                quantity=line.quantity,
                unit_price=Money(currency=self.currency, minor_units=line.unit_price),
                line_total=Money(currency=self.currency, minor_units=line.unit_price * line.quantity),
            )
            for line in self.order_lines
        ]

    @property
    def reserved_product_ids(self) -> list[str]:
        """The products whose stock the order holds."""
        return [line.product_id for line in self.order_lines if line.reserved]


order = Aggregate("order", Order())


@order.evolves
def order_placed(state: Order, event: OrderPlaced) -> Order:
    """Somebody wants it."""
    return Order(
        status=PLACED,
        order_id=event.order.order_id,
        customer=event.order.customer_id,
        placed_at_ns=event.order.placed_at.ToNanoseconds(),
        currency=event.total.currency,
        total=event.total.minor_units,
        order_lines=tuple(
            OrderLine(line.product_id, line.name, line.quantity, line.unit_price.minor_units)
            for line in event.lines
        ),
    )


@order.evolves
def order_line_reserved(state: Order, event: OrderLineReserved) -> Order:
    """One line can be delivered."""
    lines = tuple(
        replace(line, reserved=True) if line.product_id == event.product_id else line
        for line in state.order_lines
    )
    return replace(state, order_lines=lines)


@order.evolves
def order_line_returned(state: Order, event: OrderLineReturned) -> Order:
    """A reservation came too late and goes back."""
    return state


@order.evolves
def order_confirmed(state: Order, event: OrderConfirmed) -> Order:
    """It waits for its payment."""
    return replace(state, status=CONFIRMED)


@order.evolves
def order_rejected(state: Order, event: OrderRejected) -> Order:
    """It cannot be delivered."""
    return replace(state, status=REJECTED)


@order.evolves
def order_paid(state: Order, event: OrderPaid) -> Order:
    """It waits for its shipment."""
    return replace(state, status=PAID, paid_at_ns=event.paid_at.ToNanoseconds())


@order.evolves
def order_shipped(state: Order, event: OrderShipped) -> Order:
    """It has left the house."""
    return replace(state, status=SHIPPED)


@order.evolves
def order_cancelled(state: Order, event: OrderCancelled) -> Order:
    """Nobody wants it any more."""
    return replace(state, status=CANCELLED)


@order.decides()
def place_order(state: Order, command: PlaceOrder, about: About) -> Iterator[Message]:
    """Once a cart."""
    if not state.status:
        ref = OrderRef(order_id=command.order_id, customer_id=command.customer_id, placed_at=about.time)
        yield OrderPlaced(order=ref, lines=command.lines, total=command.total)


@order.decides()
def note_stock_reserved(state: Order, command: NoteStockReserved, about: About) -> Iterator[Message]:
    """The last line confirms the order; after its end the stock goes back."""
    _must_exist(state)
    if state.status in (REJECTED, CANCELLED, SHIPPED):
        # What the order had is released or gone: this is another reservation, too late or repeated.
        yield OrderLineReturned(order=state.ref, product_id=command.product_id)
        return
    waiting = {line.product_id for line in state.order_lines if not line.reserved}
    if command.product_id in waiting:
        yield OrderLineReserved(order=state.ref, product_id=command.product_id)
        if waiting == {command.product_id}:
            yield OrderConfirmed(order=state.ref)


@order.decides()
def note_stock_refused(state: Order, command: NoteStockRefused, about: About) -> Iterator[Message]:
    """One line short rejects the order."""
    _must_exist(state)
    if state.status == PLACED:
        yield OrderRejected(
            order=state.ref, reason="OUT_OF_STOCK", reserved_product_ids=state.reserved_product_ids
        )


@order.decides()
def pay_order(state: Order, command: PayOrder, about: About) -> Iterator[Message]:
    """By the exact total."""
    _must_be_own(state, about)
    _must_be_in(state, CONFIRMED)
    if command.amount != Money(currency=state.currency, minor_units=state.total):
        raise Rejected("WRONG_AMOUNT", f"the order comes to {state.total} {state.currency} in minor units")
    yield OrderPaid(order=state.ref, amount=command.amount, lines=state.lines, paid_at=about.time)


@order.decides()
def ship_order(state: Order, command: ShipOrder, about: About) -> Iterator[Message]:
    """Once it is paid."""
    _must_exist(state)
    _must_be_in(state, PAID)
    yield OrderShipped(order=state.ref, lines=state.lines)


@order.decides()
def cancel_order(state: Order, command: CancelOrder, about: About) -> Iterator[Message]:
    """Before it is shipped; shoppers their own, merchants any."""
    _must_exist(state)
    if "merchant" not in about.roles:
        _must_be_own(state, about)
    _must_be_in(state, PLACED, CONFIRMED, PAID)
    yield _cancelled(state, command.reason)


@order.decides()
def end_payment_window(state: Order, command: EndPaymentWindow, about: About) -> Iterator[Message]:
    """Cancels what nobody has paid."""
    if state.status == CONFIRMED:
        yield _cancelled(state, "PAYMENT_WINDOW_PASSED")


def _cancelled(state: Order, reason: str) -> OrderCancelled:
    return OrderCancelled(
        order=state.ref,
        reason=reason,
        reserved_product_ids=state.reserved_product_ids,
        lines=state.lines if state.paid_at_ns else [],
        paid_at=_timestamp(state.paid_at_ns) if state.paid_at_ns else None,
    )


def _must_exist(state: Order) -> None:
    if not state.status:
        raise Rejected("NOT_FOUND", "there is no such order")


def _must_be_own(state: Order, about: About) -> None:
    _must_exist(state)
    if state.customer != about.subject:
        raise Rejected("NOT_ORDER_OWNER", "the order is someone else's")


def _must_be_in(state: Order, *statuses: str) -> None:
    if state.status not in statuses:
        raise Rejected("WRONG_ORDER_STATUS", f"the order is {state.status}")


def _timestamp(nanoseconds: int) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromNanoseconds(nanoseconds)
    return timestamp
