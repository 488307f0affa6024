"""The rules of the shop a second time: what the contract says that a command leads to, at a state.

Nothing here is shared with the aggregates of domain_svc, which are judged by it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from dev.promises.states import Cart, Order, Product, Stock
from prism.cart.v1.events_pb2 import CartCheckedOut, ItemQuantityChanged, ItemRemovedFromCart
from prism.cart.v2.events_pb2 import ItemAddedToCart
from prism.common.v1.money_pb2 import Line, Money
from prism.order.v1 import events_pb2 as orders
from prism.product.v1.events_pb2 import ProductDiscontinued, ProductPriceChanged, ProductRegistered
from prism.stock.v1 import events_pb2 as stocks

MAX_LINES = 100
MAX_QUANTITY = 999
MAX_ON_HAND = 2_000_000_000


@dataclass(frozen=True)
class Asked:
    """A command as it is decided: by whom, when, and what is sold at that moment."""

    command: Any
    subject: str
    roles: frozenset[str]
    time: Timestamp
    products: Mapping[str, Product]


class Refused(Exception):
    """The command breaks the rule of a code."""


def decide(state: Any, asked: Asked) -> tuple[str, list[Message]]:  # noqa: ANN401 # each stream has its own state
    """The code of its rejection, empty for none; and the events that it leads to."""
    try:
        return "", RULES[asked.command.DESCRIPTOR.name](state, asked)
    except Refused as refused:
        return str(refused), []


def _check(kept: bool, code: str) -> None:
    if not kept:
        raise Refused(code)


def _register(state: Product, asked: Asked) -> list[Message]:
    command = asked.command
    _check(not state.name, "PRODUCT_ALREADY_REGISTERED")
    return [
        ProductRegistered(
            product_id=command.product_id,
            name=command.name,
            description=command.description,
            price=command.price,
        )
    ]


def _reprice(state: Product, asked: Asked) -> list[Message]:
    _check_sold(state)
    _check(asked.command.price.currency == state.price.currency, "CURRENCY_MISMATCH")
    return [ProductPriceChanged(product_id=asked.command.product_id, price=asked.command.price)]


def _discontinue(state: Product, asked: Asked) -> list[Message]:
    _check_sold(state)
    return [ProductDiscontinued(product_id=asked.command.product_id)]


def _check_sold(state: Product) -> None:
    _check(bool(state.name), "NOT_FOUND")
    _check(not state.discontinued, "PRODUCT_DISCONTINUED")


def _receive(state: Stock, asked: Asked) -> list[Message]:
    command = asked.command
    _check(bool(asked.products[command.product_id].name), "NOT_FOUND")
    _check(state.on_hand + command.quantity <= MAX_ON_HAND, "STOCK_LIMIT_EXCEEDED")
    return [stocks.StockReceived(product_id=command.product_id, quantity=command.quantity)]


def _reserve(state: Stock, asked: Asked) -> list[Message]:
    command = asked.command
    wanted: dict[str, Any] = {
        "product_id": command.product_id,
        "order_id": command.order_id,
        "quantity": command.quantity,
    }
    if command.order_id in state.held:
        return []
    if command.quantity <= state.available:
        return [stocks.StockReserved(**wanted)]
    return [stocks.StockReservationRefused(**wanted, available=state.available)]


def _give_back(made: Callable[..., Message]) -> "Rule":
    def give_back(state: Stock, asked: Asked) -> list[Message]:
        product_id, order_id = asked.command.product_id, asked.command.order_id
        held = state.held.get(order_id)
        return [made(product_id=product_id, order_id=order_id, quantity=held)] if held else []

    return give_back


def _add(state: Cart, asked: Asked) -> list[Message]:
    command, sold = asked.command, asked.products[asked.command.product_id]
    if state.owner:
        _check_open(state, asked)
    present = state.quantities.get(command.product_id, 0)
    _check(bool(sold.name) and not sold.discontinued, "PRODUCT_NOT_AVAILABLE")
    _check(not state.currency or state.currency == sold.price.currency, "CURRENCY_MISMATCH")
    _check(bool(present) or len(state.quantities) < MAX_LINES, "CART_FULL")
    _check(present + command.quantity <= MAX_QUANTITY, "QUANTITY_LIMIT_EXCEEDED")
    return [
        ItemAddedToCart(
            cart_id=command.cart_id,
            owner_id=state.owner or asked.subject,
            product_id=command.product_id,
            name=sold.name,
            quantity=command.quantity,
            unit_price=sold.price,
        )
    ]


def _change(state: Cart, asked: Asked) -> list[Message]:
    command = asked.command
    _check_line(state, asked)
    return [
        ItemQuantityChanged(cart_id=command.cart_id, product_id=command.product_id, quantity=command.quantity)
    ]


def _remove(state: Cart, asked: Asked) -> list[Message]:
    _check_line(state, asked)
    return [ItemRemovedFromCart(cart_id=asked.command.cart_id, product_id=asked.command.product_id)]


def _check_out(state: Cart, asked: Asked) -> list[Message]:
    _check_open(state, asked)
    _check(bool(state.quantities), "CART_EMPTY")
    lines = []
    for product_id, quantity in state.quantities.items():
        sold = asked.products[product_id]
        line_total = Money(currency=sold.price.currency, minor_units=sold.price.minor_units * quantity)
        lines.append(
            Line(
                product_id=product_id,
                name=sold.name,
                quantity=quantity,
                unit_price=sold.price,
                line_total=line_total,
            )
        )
    total = Money(
        currency=lines[0].unit_price.currency, minor_units=sum(line.line_total.minor_units for line in lines)
    )
    _check(asked.command.expected_total == total, "PRICE_CHANGED")
    return [CartCheckedOut(cart_id=asked.command.cart_id, owner_id=state.owner, lines=lines, total=total)]


def _check_open(state: Cart, asked: Asked) -> None:
    _check(bool(state.owner), "NOT_FOUND")
    _check(state.owner == asked.subject, "NOT_CART_OWNER")
    _check(not state.checked_out, "CART_CLOSED")


def _check_line(state: Cart, asked: Asked) -> None:
    _check_open(state, asked)
    _check(asked.command.product_id in state.quantities, "NOT_FOUND")


def _place(state: Order, asked: Asked) -> list[Message]:
    command = asked.command
    if state.status:
        return []
    ref = orders.OrderRef(order_id=command.order_id, customer_id=command.customer_id, placed_at=asked.time)
    return [orders.OrderPlaced(order=ref, lines=command.lines, total=command.total)]


def _note_reserved(state: Order, asked: Asked) -> list[Message]:
    product_id, ref = asked.command.product_id, state.placed.order
    _check(bool(state.status), "NOT_FOUND")
    if state.status in ("REJECTED", "CANCELLED", "SHIPPED"):
        return [orders.OrderLineReturned(order=ref, product_id=product_id)]
    waiting = {line.product_id for line in state.placed.lines} - state.reserved
    if product_id not in waiting:
        return []
    reserved = orders.OrderLineReserved(order=ref, product_id=product_id)
    return [reserved] if len(waiting) > 1 else [reserved, orders.OrderConfirmed(order=ref)]


def _note_refused(state: Order, asked: Asked) -> list[Message]:
    _check(bool(state.status), "NOT_FOUND")
    if state.status != "PLACED":
        return []
    return [
        orders.OrderRejected(
            order=state.placed.order, reason="OUT_OF_STOCK", reserved_product_ids=_reserved(state)
        )
    ]


def _pay(state: Order, asked: Asked) -> list[Message]:
    _check_own(state, asked)
    _check(state.status == "CONFIRMED", "WRONG_ORDER_STATUS")
    _check(asked.command.amount == state.placed.total, "WRONG_AMOUNT")
    placed = state.placed
    return [orders.OrderPaid(order=placed.order, amount=placed.total, lines=placed.lines, paid_at=asked.time)]


def _ship(state: Order, asked: Asked) -> list[Message]:
    _check(bool(state.status), "NOT_FOUND")
    _check(state.status == "PAID", "WRONG_ORDER_STATUS")
    return [orders.OrderShipped(order=state.placed.order, lines=state.placed.lines)]


def _cancel(state: Order, asked: Asked) -> list[Message]:
    _check(bool(state.status), "NOT_FOUND")
    if "merchant" not in asked.roles:
        _check_own(state, asked)
    _check(state.status in ("PLACED", "CONFIRMED", "PAID"), "WRONG_ORDER_STATUS")
    return [_cancelled(state, asked.command.reason)]


def _end_window(state: Order, asked: Asked) -> list[Message]:
    return [_cancelled(state, "PAYMENT_WINDOW_PASSED")] if state.status == "CONFIRMED" else []


def _cancelled(state: Order, reason: str) -> Message:
    return orders.OrderCancelled(
        order=state.placed.order,
        reason=reason,
        reserved_product_ids=_reserved(state),
        lines=state.placed.lines if state.paid_at else [],
        paid_at=state.paid_at,
    )


def _reserved(state: Order) -> list[str]:
    return [line.product_id for line in state.placed.lines if line.product_id in state.reserved]


def _check_own(state: Order, asked: Asked) -> None:
    _check(bool(state.status), "NOT_FOUND")
    _check(state.placed.order.customer_id == asked.subject, "NOT_ORDER_OWNER")


Rule = Callable[[Any, Asked], list[Message]]
RULES: dict[str, Rule] = {
    "RegisterProduct": _register,
    "ChangeProductPrice": _reprice,
    "DiscontinueProduct": _discontinue,
    "ReceiveStock": _receive,
    "ReserveStock": _reserve,
    "ReleaseStock": _give_back(stocks.StockReleased),
    "DispatchStock": _give_back(stocks.StockDispatched),
    "AddItemToCart": _add,
    "ChangeItemQuantity": _change,
    "RemoveItemFromCart": _remove,
    "CheckOutCart": _check_out,
    "PlaceOrder": _place,
    "NoteStockReserved": _note_reserved,
    "NoteStockRefused": _note_refused,
    "PayOrder": _pay,
    "ShipOrder": _ship,
    "CancelOrder": _cancel,
    "EndPaymentWindow": _end_window,
}
