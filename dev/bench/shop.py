"""What the load consists of: a few products, and items added to carts in turn."""

import os
from collections.abc import Iterator, Sequence
from itertools import count

from google.protobuf.message import Message

from prism.cart.v1.commands_pb2 import AddItemToCart
from prism.common.v1.money_pb2 import Money
from prism.envelope.v1.envelope_pb2 import Envelope
from prism.product.v1.commands_pb2 import RegisterProduct

SUBJECT = "bench"
# A line holds 999 of its product and a cart 100 lines: with so many products no cart gets full.
PRODUCTS = [f"product{number}" for number in range(20)]
PRICE = {"currency": "EUR", "minorUnits": "1250"}


def cart_ids(number: int, prefix: str = "cart") -> list[str]:
    """Names of carts."""
    return [f"{prefix}{index}" for index in range(number)]


def items(carts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Which product goes into which cart, for ever: every cart gets one before any gets the next."""
    for turn in count():
        for cart_id in carts:
            yield cart_id, PRODUCTS[turn % len(PRODUCTS)]


def register(product_id: str) -> Envelope:
    """The command that registers a product, as the edge queues it."""
    price = Money(currency="EUR", minor_units=1250)
    return envelope(f"product-{product_id}", RegisterProduct(product_id=product_id, name="Mug", price=price))


def add(cart_id: str, product_id: str) -> Envelope:
    """The command that adds one item, as the edge queues it."""
    return envelope(f"cart-{cart_id}", AddItemToCart(cart_id=cart_id, product_id=product_id, quantity=1))


def envelope(stream: str, command: Message) -> Envelope:
    """A command in its envelope."""
    random = os.urandom(24).hex()
    id_ = f"{random[:8]}-{random[8:12]}-4{random[13:16]}-8{random[17:20]}-{random[20:32]}"
    filled = Envelope(
        id=id_,
        type=command.DESCRIPTOR.full_name,
        stream=stream,
        subject=SUBJECT,
        roles=["merchant", "shopper"],
        correlation_id=id_,
        traceparent=f"00-{random[:32]}-{random[32:]}-01",
        data=command.SerializeToString(),
    )
    filled.time.GetCurrentTime()
    return filled


def add_item(cart_id: str, product_id: str) -> tuple[str, dict[str, object]]:
    """Path and body of the request that adds one item."""
    return f"/v1/carts/{cart_id}/items", {"productId": product_id, "quantity": 1}


def receive_stock(product_id: str) -> tuple[str, dict[str, object]]:
    """Path and body of the request that adds stock."""
    return f"/v1/products/{product_id}/stock", {"quantity": 1}


def register_product(product_id: str) -> tuple[str, dict[str, object]]:
    """Path and body of the request that registers a product."""
    return "/v1/products", {"productId": product_id, "name": "Mug", "price": PRICE}
