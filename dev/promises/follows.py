"""What follows from an event, a second time: the commands that somebody has to send for it.

Nothing here is shared with the policies of domain_svc, which are judged by it.
"""

from typing import Any

from google.protobuf.message import Message

from prism.order.v1.commands_pb2 import EndPaymentWindow, NoteStockRefused, NoteStockReserved, PlaceOrder
from prism.stock.v1.commands_pb2 import DispatchStock, ReleaseStock, ReserveStock


def follows(event: Any) -> list[Message]:  # noqa: ANN401 # any event
    """The commands that the contract has follow from an event."""
    match event.DESCRIPTOR.name:
        case "CartCheckedOut":
            return [
                PlaceOrder(
                    order_id=event.cart_id, customer_id=event.owner_id, lines=event.lines, total=event.total
                )
            ]
        case "OrderPlaced":
            return [
                ReserveStock(
                    product_id=line.product_id, order_id=event.order.order_id, quantity=line.quantity
                )
                for line in event.lines
            ]
        case "StockReserved":
            return [NoteStockReserved(order_id=event.order_id, product_id=event.product_id)]
        case "StockReservationRefused":
            return [NoteStockRefused(order_id=event.order_id, product_id=event.product_id)]
        case "OrderConfirmed":
            return [EndPaymentWindow(order_id=event.order.order_id)]
        case "OrderRejected" | "OrderCancelled":
            return [
                ReleaseStock(product_id=product_id, order_id=event.order.order_id)
                for product_id in event.reserved_product_ids
            ]
        case "OrderLineReturned":
            return [ReleaseStock(product_id=event.product_id, order_id=event.order.order_id)]
        case "OrderShipped":
            return [
                DispatchStock(product_id=line.product_id, order_id=event.order.order_id)
                for line in event.lines
            ]
    return []
