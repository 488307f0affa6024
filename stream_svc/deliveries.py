"""Tells operators when a command's updates went to clients, over gRPC."""

from collections.abc import Callable

import grpc

from kernel.clock import from_ns
from prism.admin.v1 import deliveries_pb2, deliveries_pb2_grpc
from stream_svc.hub import Hub


class DeliveriesService(deliveries_pb2_grpc.DeliveriesServicer):
    """prism.admin.v1.Deliveries over a hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def GetDelivery(  # the contract's name
        self, request: deliveries_pb2.GetDeliveryRequest, context: grpc.ServicerContext
    ) -> deliveries_pb2.GetDeliveryResponse:
        """When a command's updates were handed to how many clients."""
        if not request.command_id:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "`command_id` is missing")
        entry = self._hub.find(request.command_id)
        if entry is None:
            context.abort(
                grpc.StatusCode.NOT_FOUND, "no update of this command is among those that can be replayed"
            )
        return deliveries_pb2.GetDeliveryResponse(
            cursor=str(entry.position),
            added_at=from_ns(entry.position.place.milliseconds * 10**6),
            delivered_at=from_ns(entry.delivered_at_ns) if entry.delivered_at_ns else None,
            clients=entry.clients,
            # Each once, in the order in which they were told.
            topics=dict.fromkeys(topic for item in entry.items for topic in item.topics),
        )


def register(service: DeliveriesService) -> Callable[[grpc.Server], list[str]]:
    """Adds the service to a server; answers its name for reflection."""

    def add(server: grpc.Server) -> list[str]:
        deliveries_pb2_grpc.add_DeliveriesServicer_to_server(service, server)
        return [deliveries_pb2.DESCRIPTOR.services_by_name["Deliveries"].full_name]

    return add
