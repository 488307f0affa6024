"""The command that an action comes to, by what its subject sees of the shop when it is time."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from dev.simulation.workload import Action
from prism.cart.v1.commands_pb2 import AddItemToCart, ChangeItemQuantity, CheckOutCart, RemoveItemFromCart
from prism.common.v1.money_pb2 import Money
from prism.order.v1.commands_pb2 import CancelOrder, PayOrder, ShipOrder
from prism.order.v1.views_pb2 import OrderView
from prism.product.v1.commands_pb2 import ChangeProductPrice, DiscontinueProduct, RegisterProduct
from prism.stock.v1.commands_pb2 import ReceiveStock

# How long a shopper waits for the view that the next step needs.
LOOKS = 6
LOOK_S = 0.7

# The row of a view by its name and key, as the subject sees it now; None for none.
Look = Callable[[str, str], Any]


def message_of(action: Action, look: Look, sleep: Callable[[float], None]) -> Message:
    """The command; may wait a while for the view that it has to know."""
    target, product, quantity = action.target, action.product, action.quantity
    match action.kind:
        case "register":
            return RegisterProduct(
                product_id=target,
                name=target.title(),
                description=f"A {target}.",
                price=Money(currency=action.currency, minor_units=action.price),
            )
        case "reprice":
            return ChangeProductPrice(
                product_id=target, price=Money(currency=action.currency, minor_units=action.price)
            )
        case "receive":
            return ReceiveStock(product_id=target, quantity=quantity)
        case "discontinue":
            return DiscontinueProduct(product_id=target)
        case "add":
            return AddItemToCart(cart_id=target, product_id=product, quantity=quantity)
        case "change":
            return ChangeItemQuantity(cart_id=target, product_id=product, quantity=quantity)
        case "remove":
            return RemoveItemFromCart(cart_id=target, product_id=product)
        case "check_out":
            return CheckOutCart(cart_id=target, expected_total=_cart_total(action, look, sleep))
        case "pay":
            return PayOrder(order_id=target, amount=_order_total(action, look, sleep))
        case "cancel":
            return CancelOrder(order_id=target, reason="changed my mind")
        case "ship":
            _await_status(look, sleep, target, OrderView.PAID)
            return ShipOrder(order_id=target)
    raise AssertionError(action.kind)


def _cart_total(action: Action, look: Look, sleep: Callable[[float], None]) -> Money:
    currency, total = "EUR", 1
    cart = look("cart", action.target)
    for _ in range(LOOKS):
        if cart and cart.lines:
            break
        sleep(LOOK_S)
        cart = look("cart", action.target)
    if cart and cart.lines:
        currency = cart.lines[0].unit_price.currency
        products = [look("product", line.product_id) for line in cart.lines]
        total = sum(
            line.quantity * (product.price.minor_units if product else line.unit_price.minor_units)
            for line, product in zip(cart.lines, products, strict=True)
        )
    return _wrong_by(action.wrong, currency, total)


def _order_total(action: Action, look: Look, sleep: Callable[[float], None]) -> Money:
    order = _await_status(look, sleep, action.target, OrderView.CONFIRMED)
    total = order.total if order else Money(currency="EUR", minor_units=1)
    return _wrong_by(action.wrong, total.currency, total.minor_units)


def _wrong_by(wrong: int, currency: str, total: int) -> Money:
    # Never below nothing, which the edge takes from nobody.
    return Money(currency=currency, minor_units=max(0, total + wrong))


def _await_status(look: Look, sleep: Callable[[float], None], order_id: str, status: int) -> Any:  # noqa: ANN401 # a view, or None
    for _ in range(LOOKS):
        order = look("order", order_id)
        if order and order.status == status:
            return order
        sleep(LOOK_S)
    return look("order", order_id)
