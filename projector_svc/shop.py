"""The read side of the shop, as it is put together: its projections."""

from typing import Any

from kernel.projection import Projection
from projector_svc.projections.cart import cart
from projector_svc.projections.order import order, order_history
from projector_svc.projections.product import product
from projector_svc.projections.sales import sales

PROJECTIONS: list[Projection[Any]] = [cart, product, order, order_history, sales]
