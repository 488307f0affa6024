"""The view `product`: the catalogue, with what of it can be bought now."""

from kernel.projection import Projection, Recorded
from prism.product.v1.events_pb2 import ProductDiscontinued, ProductPriceChanged, ProductRegistered
from prism.product.v1.views_pb2 import ProductView
from prism.stock.v1.events_pb2 import (
    StockDispatched,
    StockReceived,
    StockReleased,
    StockReservationRefused,
    StockReserved,
)

product = Projection("product", ProductView, row=lambda event: ("catalogue", event.product_id))


@product.projects
def product_registered(view: ProductView, event: ProductRegistered, recorded: Recorded) -> ProductView:
    """A product more; its stock may have come first."""
    view.product_id = event.product_id
    view.name = event.name
    view.description = event.description
    view.price.CopyFrom(event.price)
    view.status = ProductView.ACTIVE
    return view


@product.projects
def product_price_changed(view: ProductView, event: ProductPriceChanged, recorded: Recorded) -> ProductView:
    """Another price."""
    view.price.CopyFrom(event.price)
    return view


@product.projects
def product_discontinued(view: ProductView, event: ProductDiscontinued, recorded: Recorded) -> ProductView:
    """Not sold any more."""
    view.status = ProductView.DISCONTINUED
    return view


@product.projects
def stock_received(view: ProductView, event: StockReceived, recorded: Recorded) -> ProductView:
    """More can be bought."""
    view.available += event.quantity
    return view


@product.projects
def stock_reserved(view: ProductView, event: StockReserved, recorded: Recorded) -> ProductView:
    """Somebody's order has some of it."""
    view.available -= event.quantity
    return view


@product.projects
def stock_released(view: ProductView, event: StockReleased, recorded: Recorded) -> ProductView:
    """Somebody's order gave some of it back."""
    view.available += event.quantity
    return view


# What leaves the house was reserved before.
product.leaves(StockReservationRefused, StockDispatched)
