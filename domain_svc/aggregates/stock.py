"""The stock of one product: 0 <= reserved <= on hand, whatever runs at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from google.protobuf.message import Message

from domain_svc.aggregates.product import product
from kernel.aggregate import About, Aggregate
from kernel.errors import Rejected
from prism.stock.v1.commands_pb2 import DispatchStock, ReceiveStock, ReleaseStock, ReserveStock
from prism.stock.v1.events_pb2 import (
    StockDispatched,
    StockReceived,
    StockReleased,
    StockReservationRefused,
    StockReserved,
)

# The view shows a 32-bit number.
MAX_ON_HAND = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Stock:
    """What is on hand, and how much of it each open order has reserved."""

    on_hand: int = 0
    reserved: int = 0
    reservations: Mapping[str, int] = field(default_factory=dict)

    @property
    def available(self) -> int:
        """What can still be reserved."""
        return self.on_hand - self.reserved

    def without(self, order_id: str) -> "Stock":
        """The same without an order's reservation."""
        rest = {other: quantity for other, quantity in self.reservations.items() if other != order_id}
        return replace(self, reserved=self.reserved - self.reservations.get(order_id, 0), reservations=rest)


stock = Aggregate("stock", Stock())


@stock.evolves
def stock_received(state: Stock, event: StockReceived) -> Stock:
    """More is on hand."""
    return replace(state, on_hand=state.on_hand + event.quantity)


@stock.evolves
def stock_reserved(state: Stock, event: StockReserved) -> Stock:
    """An order has its share."""
    return replace(
        state,
        reserved=state.reserved + event.quantity,
        reservations={**state.reservations, event.order_id: event.quantity},
    )


@stock.evolves
def stock_reservation_refused(state: Stock, event: StockReservationRefused) -> Stock:
    """Nothing was taken."""
    return state


@stock.evolves
def stock_released(state: Stock, event: StockReleased) -> Stock:
    """An order's share is available again."""
    return state.without(event.order_id)


@stock.evolves
def stock_dispatched(state: Stock, event: StockDispatched) -> Stock:
    """An order's share has left the house."""
    return replace(state.without(event.order_id), on_hand=state.on_hand - event.quantity)


@stock.decides(reads=lambda state, command: [f"product-{command.product_id}"])
def receive_stock(state: Stock, command: ReceiveStock, about: About) -> Iterator[Message]:
    """For a product that exists, discontinued or not: it may have been on its way."""
    if not about.read(product, command.product_id).registered:
        raise Rejected("NOT_FOUND", f"there is no product {command.product_id}")
    if state.on_hand + command.quantity > MAX_ON_HAND:
        raise Rejected("STOCK_LIMIT_EXCEEDED", f"at most {MAX_ON_HAND} of a product can be on hand")
    yield StockReceived(product_id=command.product_id, quantity=command.quantity)


@stock.decides()
def reserve_stock(state: Stock, command: ReserveStock, about: About) -> Iterator[Message]:
    """All or nothing, and once an order."""
    if command.order_id in state.reservations:
        return
    if command.quantity > state.available:
        yield StockReservationRefused(
            product_id=command.product_id,
            order_id=command.order_id,
            quantity=command.quantity,
            available=state.available,
        )
    else:
        yield StockReserved(
            product_id=command.product_id, order_id=command.order_id, quantity=command.quantity
        )


@stock.decides()
def release_stock(state: Stock, command: ReleaseStock, about: About) -> Iterator[Message]:
    """Whatever the order has reserved."""
    if quantity := state.reservations.get(command.order_id):
        yield StockReleased(product_id=command.product_id, order_id=command.order_id, quantity=quantity)


@stock.decides()
def dispatch_stock(state: Stock, command: DispatchStock, about: About) -> Iterator[Message]:
    """Whatever the order has reserved."""
    if quantity := state.reservations.get(command.order_id):
        yield StockDispatched(product_id=command.product_id, order_id=command.order_id, quantity=quantity)
