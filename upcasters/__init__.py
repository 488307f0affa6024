"""The upcasters of every event that has a successor, one module an aggregate."""

from upcasters import cart

ALL = [cart.item_added_to_cart_v1]
