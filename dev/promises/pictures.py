"""What the views should show, a second time: each row as the contract describes it, from the events.

Nothing here is shared with the projections of projector_svc, which are judged by it.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from google.protobuf.message import Message

from dev.promises.history import Recorded
from kernel.contract import aggregate_of
from kernel.ports import RowId
from prism.cart.v1.views_pb2 import CartView
from prism.common.v1.money_pb2 import Line, Money
from prism.order.v1.views_pb2 import OrderView
from prism.product.v1.views_pb2 import ProductView
from prism.sales.v1.views_pb2 import ProductSales, SalesDay

# How many rows a day's sales are kept in.
PARTS = 16
# What the keys of order_history count down from, in microseconds.
LATEST_US = 10**16


def pictures(events: Mapping[str, list[Recorded]]) -> dict[RowId, Message]:
    """Every row that there should be."""
    found: dict[RowId, Message] = {}
    for stream, recorded in events.items():
        if not recorded:
            continue
        key = stream.partition("-")[2]
        match aggregate_of(stream):
            case "cart":
                *_, (_, found[RowId("cart", key, key)]) = cart_by_version(recorded)
            case "order":
                *_, (_, order) = order_by_version(recorded)
                age = LATEST_US - order.placed_at.ToMicroseconds()
                found[RowId("order", key, key)] = order
                found[RowId("order_history", order.customer_id, f"{age:016d}-{key}")] = order
            case "product":
                found[RowId("product", "catalogue", key)] = _product(recorded, events.get(f"stock-{key}", []))
    return found | _sales(item for stream in events for item in events[stream])


def cart_by_version(events: list[Recorded]) -> Iterator[tuple[int, CartView]]:
    """A cart's view after each of its events."""
    view, lines = CartView(), dict[str, Line]()
    for recorded in events:
        event: Any = recorded.event
        match recorded.kind:
            case "ItemAddedToCart":
                view.cart_id, view.status = event.cart_id, CartView.OPEN
                view.owner_id = view.owner_id or event.owner_id
                before = lines.get(event.product_id, Line()).quantity
                lines[event.product_id] = Line(
                    product_id=event.product_id,
                    name=event.name,
                    quantity=before + event.quantity,
                    unit_price=event.unit_price,
                )
            case "ItemQuantityChanged":
                lines[event.product_id].quantity = event.quantity
            case "ItemRemovedFromCart":
                del lines[event.product_id]
            case "CartCheckedOut":
                view.status = CartView.CHECKED_OUT
                lines = {line.product_id: line for line in event.lines}
        for line in lines.values():
            line.line_total.currency = line.unit_price.currency
            line.line_total.minor_units = line.unit_price.minor_units * line.quantity
        del view.lines[:]
        view.lines.extend(lines.values())
        view.total.CopyFrom(
            Money(
                currency=next((line.unit_price.currency for line in lines.values()), ""),
                minor_units=sum(line.line_total.minor_units for line in lines.values()),
            )
        )
        yield _seen(view, recorded)


def order_by_version(events: list[Recorded]) -> Iterator[tuple[int, OrderView]]:
    """An order's view after each of its events."""
    view = OrderView()
    for recorded in events:
        event: Any = recorded.event
        status = recorded.kind.removeprefix("Order").upper()
        if recorded.kind == "OrderPlaced":
            ref = event.order
            view = OrderView(
                order_id=ref.order_id,
                customer_id=ref.customer_id,
                lines=event.lines,
                total=event.total,
                placed_at=ref.placed_at,
            )
        view.reason = getattr(event, "reason", view.reason)
        if shown := OrderView.Status.DESCRIPTOR.values_by_name.get(status):
            view.status = cast("OrderView.Status", shown.number)
            yield _seen(view, recorded)
        else:
            # What of it is reserved is not shown.
            view.version = recorded.envelope.version
            yield view.version, _copy(view)


def _seen(view: Any, recorded: Recorded) -> tuple[int, Any]:  # noqa: ANN401 # each view has its own type
    view.version = recorded.envelope.version
    view.updated_at.CopyFrom(recorded.envelope.time)
    return view.version, _copy(view)


def _copy(view: Any) -> Any:  # noqa: ANN401 # the same
    copy = type(view)()
    copy.CopyFrom(view)
    return copy


def _product(events: list[Recorded], stock: list[Recorded]) -> ProductView:
    view = ProductView(version=events[-1].envelope.version)
    for recorded in events:
        event: Any = recorded.event
        view.product_id = event.product_id
        match recorded.kind:
            case "ProductRegistered":
                view.name, view.description, view.status = event.name, event.description, ProductView.ACTIVE
                view.price.CopyFrom(event.price)
            case "ProductPriceChanged":
                view.price.CopyFrom(event.price)
            case "ProductDiscontinued":
                view.status = ProductView.DISCONTINUED
    for recorded in stock:
        event = recorded.event
        if recorded.kind in ("StockReceived", "StockReleased"):
            view.available += event.quantity
        elif recorded.kind == "StockReserved":
            view.available -= event.quantity
    return view


def _sales(events: Iterator[Recorded]) -> dict[RowId, Message]:
    """A row for every day and currency in which anything was paid, in parts by the order."""
    parts: dict[int, list[Recorded]] = {}
    for recorded in events:
        if recorded.kind in ("OrderPaid", "OrderCancelled"):
            event: Any = recorded.event
            parts.setdefault(zlib.crc32(event.order.order_id.encode()) % PARTS, []).append(recorded)
    return {
        RowId("sales", "days", f"{key}~{part:02}"): day
        for part, those in parts.items()
        for key, day in sales_by_day(those).items()
    }


def sales_by_day(events: Iterable[Recorded]) -> dict[str, SalesDay]:
    """By day and currency, what was paid and not taken back."""
    units: dict[tuple[str, str], dict[str, int]] = {}
    revenue: dict[tuple[str, str], dict[str, int]] = {}
    for recorded in events:
        event: Any = recorded.event
        if recorded.kind == "OrderPaid" or (recorded.kind == "OrderCancelled" and event.HasField("paid_at")):
            sign = 1 if recorded.kind == "OrderPaid" else -1
            for line in event.lines:
                # RFC 3339, as in `2026-11-01T23:59:59Z`.
                day = event.paid_at.ToJsonString()[:10], line.unit_price.currency
                for sums, amount in (
                    (units, line.quantity),
                    (revenue, line.quantity * line.unit_price.minor_units),
                ):
                    sums.setdefault(day, {}).setdefault(line.product_id, 0)
                    sums[day][line.product_id] += sign * amount
    return {
        f"{date} {currency}": SalesDay(
            date=date,
            products=[
                ProductSales(
                    product_id=product_id,
                    units=units[date, currency][product_id],
                    revenue=Money(currency=currency, minor_units=amount),
                )
                for product_id, amount in sorted(amounts.items())
                if units[date, currency][product_id]
            ],
            revenue=Money(currency=currency, minor_units=sum(amounts.values())),
        )
        for (date, currency), amounts in revenue.items()
    }
