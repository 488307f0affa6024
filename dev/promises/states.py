"""What events come to: the state of each kind of stream, as the contract tells it.

Written a second time, to judge the aggregates of domain_svc by: nothing here is shared with them.
"""

from dataclasses import dataclass, field
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from prism.common.v1.money_pb2 import Money
from prism.order.v1.events_pb2 import OrderPlaced


@dataclass
class Product:
    """Without a name: never registered."""

    name: str = ""
    price: Money = field(default_factory=Money)
    discontinued: bool = False


@dataclass
class Stock:
    """What is there, and what of it is held for which order."""

    on_hand: int = 0
    held: dict[str, int] = field(default_factory=dict)

    @property
    def available(self) -> int:
        """What nobody holds."""
        return self.on_hand - sum(self.held.values())


@dataclass
class Cart:
    """Lines in the order in which their products were first added."""

    owner: str = ""
    quantities: dict[str, int] = field(default_factory=dict)
    currency: str = ""
    checked_out: bool = False


@dataclass
class Order:
    """Its status is empty until it is placed."""

    status: str = ""
    placed: OrderPlaced = field(default_factory=OrderPlaced)
    reserved: set[str] = field(default_factory=set)
    paid_at: Timestamp | None = None


STATES: dict[str, type] = {"product": Product, "stock": Stock, "cart": Cart, "order": Order}


def happen(state: Any, event: Any) -> None:  # noqa: ANN401 # each stream has its own state and events
    """Changes the state of a stream by its next event."""
    match event.DESCRIPTOR.name:
        case "ProductRegistered":
            state.name, state.price = event.name, event.price
        case "ProductPriceChanged":
            state.price = event.price
        case "ProductDiscontinued":
            state.discontinued = True
        case "StockReceived":
            state.on_hand += event.quantity
        case "StockReserved":
            state.held[event.order_id] = event.quantity
        case "StockReleased":
            state.held.pop(event.order_id, None)
        case "StockDispatched":
            state.on_hand -= event.quantity
            state.held.pop(event.order_id, None)
        case "ItemAddedToCart":
            state.owner = state.owner or event.owner_id
            state.quantities.setdefault(event.product_id, 0)
            state.quantities[event.product_id] += event.quantity
            state.currency = event.unit_price.currency
        case "ItemQuantityChanged":
            state.quantities[event.product_id] = event.quantity
        case "ItemRemovedFromCart":
            state.quantities.pop(event.product_id, None)
            state.currency = state.currency if state.quantities else ""
        case "CartCheckedOut":
            state.checked_out = True
        case "OrderPlaced":
            state.status, state.placed = "PLACED", event
        case "OrderLineReserved":
            state.reserved.add(event.product_id)
        case "OrderPaid":
            state.status, state.paid_at = "PAID", event.paid_at
        case "OrderConfirmed" | "OrderRejected" | "OrderShipped" | "OrderCancelled":
            state.status = event.DESCRIPTOR.name.removeprefix("Order").upper()
