"""Rows of views, as projections save them."""

from collections.abc import Sequence

from google.protobuf.message import Message

from kernel.contract import fill_from
from kernel.ports import Row, RowId
from prism.cart.v1.views_pb2 import CartView
from prism.common.v1.money_pb2 import Money
from prism.envelope.v1.envelope_pb2 import ViewRow
from prism.order.v1.views_pb2 import OrderView
from prism.product.v1.views_pb2 import ProductView
from prism.sales.v1.views_pb2 import ProductSales, SalesDay
from tests.edge.client import Edge


def save(edge: Edge, view: str, rows: Sequence[tuple[str, str, Message]]) -> None:
    """Replaces rows of a view: (partition, key, message)."""
    views = edge.storage.views
    ids = [RowId(view, partition, key) for partition, key, _ in rows]
    saved = views.save(
        [
            Row(id_, ViewRow(data=message.SerializeToString()).SerializeToString(), old.etag if old else None)
            for id_, old, (_, _, message) in zip(ids, views.get(ids), rows, strict=True)
        ]
    )
    assert all(saved)


def eur(minor_units: int) -> Money:
    return Money(currency="EUR", minor_units=minor_units)


def products(edge: Edge, *shown: ProductView) -> None:
    """Products of the catalogue."""
    save(edge, "product", [("catalogue", fill_from("{product_id}", item), item) for item in shown])


def product(id_: str, name: str = "Mug", description: str = "", version: int = 1) -> ProductView:
    return ProductView(
        product_id=id_,
        name=name,
        description=description,
        price=eur(1250),
        status=ProductView.ACTIVE,
        available=3,
        version=version,
    )


def cart(edge: Edge, id_: str, owner: str, version: int = 2) -> None:
    """A cart of someone's."""
    view = CartView(cart_id=id_, owner_id=owner, status=CartView.OPEN, total=eur(0), version=version)
    view.updated_at.FromJsonString("2026-11-01T10:00:00.5Z")
    save(edge, "cart", [(id_, id_, view)])


def orders(edge: Edge, owner: str, ids: Sequence[str]) -> None:
    """Someone's orders, the newest first."""
    views = [OrderView(order_id=id_, customer_id=owner, status=OrderView.PLACED, version=1) for id_ in ids]
    save(edge, "order", [(view.order_id, view.order_id, view) for view in views])
    save(edge, "order_history", [(owner, f"{n:05} {v.order_id}", v) for n, v in enumerate(views)])


def sales(edge: Edge, *dates: str) -> None:
    """A sale on each day."""
    save(edge, "sales", [("days", date, sold(date, mug=1250)) for date in dates])


def sold(date: str, **revenues: int) -> SalesDay:
    """A day, or a part of one, on which one of each product was sold."""
    products = [
        ProductSales(product_id=product_id, units=1, revenue=eur(cents))
        for product_id, cents in revenues.items()
    ]
    return SalesDay(date=date, products=products, revenue=eur(sum(revenues.values())))
