"""From a checked-out cart to a confirmed order, and stock to wherever the order goes.

CartCheckedOut ─▶ PlaceOrder ─▶ OrderPlaced ─▶ ReserveStock, a line each
StockReserved ─▶ NoteStockReserved ─▶ … ─▶ OrderConfirmed ─▶ EndPaymentWindow, later
StockReservationRefused ─▶ NoteStockRefused ─▶ OrderRejected
OrderRejected, OrderCancelled, OrderLineReturned ─▶ ReleaseStock · OrderShipped ─▶ DispatchStock
"""

from collections.abc import Iterator

from kernel.policy import Policy, Send
from prism.cart.v1.events_pb2 import CartCheckedOut
from prism.order.v1.commands_pb2 import EndPaymentWindow, NoteStockRefused, NoteStockReserved, PlaceOrder
from prism.order.v1.events_pb2 import (
    OrderCancelled,
    OrderConfirmed,
    OrderLineReturned,
    OrderPlaced,
    OrderRejected,
    OrderShipped,
)
from prism.stock.v1.commands_pb2 import DispatchStock, ReleaseStock, ReserveStock
from prism.stock.v1.events_pb2 import StockReservationRefused, StockReserved


def checkout(payment_window_s: float) -> Policy:
    """The policy, with the time that a confirmed order waits for its payment."""
    policy = Policy("checkout")

    @policy.reacts
    def cart_checked_out(event: CartCheckedOut) -> Iterator[Send]:
        yield Send(
            PlaceOrder(
                order_id=event.cart_id, customer_id=event.owner_id, lines=event.lines, total=event.total
            )
        )

    @policy.reacts
    def order_placed(event: OrderPlaced) -> Iterator[Send]:
        for line in event.lines:
            yield Send(
                ReserveStock(
                    product_id=line.product_id, order_id=event.order.order_id, quantity=line.quantity
                )
            )

    @policy.reacts
    def stock_reserved(event: StockReserved) -> Iterator[Send]:
        yield Send(NoteStockReserved(order_id=event.order_id, product_id=event.product_id))

    @policy.reacts
    def stock_reservation_refused(event: StockReservationRefused) -> Iterator[Send]:
        yield Send(NoteStockRefused(order_id=event.order_id, product_id=event.product_id))

    @policy.reacts
    def order_confirmed(event: OrderConfirmed) -> Iterator[Send]:
        yield Send(EndPaymentWindow(order_id=event.order.order_id), delay_s=payment_window_s)

    @policy.reacts
    def order_rejected(event: OrderRejected) -> Iterator[Send]:
        for product_id in event.reserved_product_ids:
            yield Send(ReleaseStock(product_id=product_id, order_id=event.order.order_id))

    @policy.reacts
    def order_cancelled(event: OrderCancelled) -> Iterator[Send]:
        for product_id in event.reserved_product_ids:
            yield Send(ReleaseStock(product_id=product_id, order_id=event.order.order_id))

    @policy.reacts
    def order_line_returned(event: OrderLineReturned) -> Iterator[Send]:
        yield Send(ReleaseStock(product_id=event.product_id, order_id=event.order.order_id))

    @policy.reacts
    def order_shipped(event: OrderShipped) -> Iterator[Send]:
        for line in event.lines:
            yield Send(DispatchStock(product_id=line.product_id, order_id=event.order.order_id))

    return policy
