"""The view `sales`: what was sold, by the day of payment and the currency, in parts.

A row names each of its orders, and storage holds some 15,000 of them in one.
"""

import zlib
from collections.abc import Iterable
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from kernel.projection import Projection, Recorded
from prism.common.v1.money_pb2 import Line
from prism.order.v1.events_pb2 import (
    OrderCancelled,
    OrderConfirmed,
    OrderLineReserved,
    OrderLineReturned,
    OrderPaid,
    OrderPlaced,
    OrderRejected,
    OrderShipped,
)
from prism.sales.v1.views_pb2 import ProductSales, SalesDay

# Of a day and currency, by a hash of the order.
PARTS = 16


def _by_day(event: Any) -> tuple[str, str] | None:  # noqa: ANN401 # any event of an order
    """The day of payment, for the events that change what was sold on it."""
    if isinstance(event, OrderPaid) or (isinstance(event, OrderCancelled) and event.HasField("paid_at")):
        part = zlib.crc32(event.order.order_id.encode()) % PARTS
        return "days", f"{_date(event.paid_at)} {event.lines[0].unit_price.currency}~{part:02}"
    return None


sales = Projection("sales", SalesDay, row=_by_day)


@sales.projects
def order_paid(view: SalesDay, event: OrderPaid, recorded: Recorded) -> SalesDay:
    """Sold."""
    view.date = _date(event.paid_at)
    return _add(view, event.lines, 1)


@sales.projects
def order_cancelled(view: SalesDay, event: OrderCancelled, recorded: Recorded) -> SalesDay:
    """Taken back after it was paid."""
    return _add(view, event.lines, -1)


sales.leaves(OrderPlaced, OrderLineReserved, OrderLineReturned, OrderConfirmed, OrderRejected, OrderShipped)


def _add(view: SalesDay, lines: Iterable[Line], sign: int) -> SalesDay:
    products = {item.product_id: item for item in view.products}
    for line in lines:
        item = products.setdefault(line.product_id, ProductSales(product_id=line.product_id))
        item.units += sign * line.quantity
        item.revenue.currency = line.line_total.currency
        item.revenue.minor_units += sign * line.line_total.minor_units
        view.revenue.currency = line.line_total.currency
        view.revenue.minor_units += sign * line.line_total.minor_units
    kept = [ProductSales.FromString(products[key].SerializeToString()) for key in sorted(products)]
    del view.products[:]
    view.products.extend(item for item in kept if item.units)
    return view


def _date(time: Timestamp) -> str:
    return time.ToDatetime().date().isoformat()
