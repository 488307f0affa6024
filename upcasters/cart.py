"""Carts: how the first release's events read today."""

from prism.cart.v1 import events_pb2 as v1
from prism.cart.v2 import events_pb2 as v2
from prism.common.v1.money_pb2 import Money


def item_added_to_cart_v1(old: v1.ItemAddedToCart) -> v2.ItemAddedToCart:
    """The first release sold in EUR alone, and stored bare cents."""
    return v2.ItemAddedToCart(
        cart_id=old.cart_id,
        owner_id=old.owner_id,
        product_id=old.product_id,
        name=old.name,
        quantity=old.quantity,
        unit_price=Money(currency="EUR", minor_units=old.unit_price_cents),
    )
