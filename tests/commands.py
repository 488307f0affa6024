"""Commands of the shop, in short."""

from prism.cart.v1.commands_pb2 import AddItemToCart, CheckOutCart
from prism.common.v1.money_pb2 import Money
from prism.order.v1.commands_pb2 import CancelOrder, PayOrder, ShipOrder
from prism.product.v1.commands_pb2 import ChangeProductPrice, RegisterProduct
from prism.stock.v1.commands_pb2 import ReceiveStock


def eur(minor_units: int) -> Money:
    return Money(currency="EUR", minor_units=minor_units)


def register(product_id: str = "tea", price: int = 500) -> RegisterProduct:
    return RegisterProduct(product_id=product_id, name=product_id.title(), price=eur(price))


def reprice(product_id: str, price: int) -> ChangeProductPrice:
    return ChangeProductPrice(product_id=product_id, price=eur(price))


def receive(product_id: str = "tea", quantity: int = 10) -> ReceiveStock:
    return ReceiveStock(product_id=product_id, quantity=quantity)


def add(cart_id: str = "c1", product_id: str = "tea", quantity: int = 1) -> AddItemToCart:
    return AddItemToCart(cart_id=cart_id, product_id=product_id, quantity=quantity)


def check_out(cart_id: str = "c1", total: int = 500) -> CheckOutCart:
    return CheckOutCart(cart_id=cart_id, expected_total=eur(total))


def pay(order_id: str = "c1", total: int = 500) -> PayOrder:
    return PayOrder(order_id=order_id, amount=eur(total))


def ship(order_id: str = "c1") -> ShipOrder:
    return ShipOrder(order_id=order_id)


def cancel(order_id: str = "c1", reason: str = "") -> CancelOrder:
    return CancelOrder(order_id=order_id, reason=reason)
