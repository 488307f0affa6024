"""The views `order` and `order_history`: the same order, by its id and by its customer's latest."""

from typing import Any

from kernel.projection import Projection, Recorded
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
from prism.order.v1.views_pb2 import OrderView

# Later than any order, in microseconds: the year 2286.
END_OF_TIME_US = 10**16


def _by_id(event: Any) -> tuple[str, str]:  # noqa: ANN401 # every event of an order has an `order`
    return event.order.order_id, event.order.order_id


def _by_customer(event: Any) -> tuple[str, str]:  # noqa: ANN401 # the same
    """Rows are read in the order of their keys: the later an order, the smaller its key."""
    before_the_end = END_OF_TIME_US - event.order.placed_at.ToMicroseconds()
    return event.order.customer_id, f"{before_the_end:016d}-{event.order.order_id}"


order = Projection("order", OrderView, row=_by_id)
order_history = Projection("order_history", OrderView, row=_by_customer)


@order.projects
@order_history.projects
def order_placed(view: OrderView, event: OrderPlaced, recorded: Recorded) -> OrderView:
    """An order more."""
    view.order_id = event.order.order_id
    view.customer_id = event.order.customer_id
    view.placed_at.CopyFrom(event.order.placed_at)
    view.lines.extend(event.lines)
    view.total.CopyFrom(event.total)
    return _now(view, OrderView.PLACED, recorded)


@order.projects
@order_history.projects
def order_confirmed(view: OrderView, event: OrderConfirmed, recorded: Recorded) -> OrderView:
    """It can be paid."""
    return _now(view, OrderView.CONFIRMED, recorded)


@order.projects
@order_history.projects
def order_rejected(view: OrderView, event: OrderRejected, recorded: Recorded) -> OrderView:
    """It cannot be delivered."""
    view.reason = event.reason
    return _now(view, OrderView.REJECTED, recorded)


@order.projects
@order_history.projects
def order_paid(view: OrderView, event: OrderPaid, recorded: Recorded) -> OrderView:
    """It can be shipped."""
    return _now(view, OrderView.PAID, recorded)


@order.projects
@order_history.projects
def order_shipped(view: OrderView, event: OrderShipped, recorded: Recorded) -> OrderView:
    """It is on its way."""
    return _now(view, OrderView.SHIPPED, recorded)


@order.projects
@order_history.projects
def order_cancelled(view: OrderView, event: OrderCancelled, recorded: Recorded) -> OrderView:
    """Nobody wants it any more, or nobody has paid it."""
    view.reason = event.reason
    return _now(view, OrderView.CANCELLED, recorded)


order.leaves(OrderLineReserved, OrderLineReturned)
order_history.leaves(OrderLineReserved, OrderLineReturned)


def _now(view: OrderView, status: OrderView.Status, recorded: Recorded) -> OrderView:
    view.status = status
    view.updated_at.CopyFrom(recorded.time)
    return view
