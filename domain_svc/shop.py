"""The write side of the shop, as it is put together."""

from typing import Any

from domain_svc.aggregates.cart import cart
from domain_svc.aggregates.order import order
from domain_svc.aggregates.product import product
from domain_svc.aggregates.stock import stock
from domain_svc.policies.checkout import checkout
from kernel.aggregate import Aggregate
from kernel.policy import Policy

AGGREGATES: list[Aggregate[Any]] = [product, stock, cart, order]


def policies(payment_window_s: float) -> list[Policy]:
    """The policies, with what they are told of the world."""
    return [checkout(payment_window_s)]
