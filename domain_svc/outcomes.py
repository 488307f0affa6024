"""Answers the outcomes that the event store keeps, over gRPC."""

from collections.abc import Callable

import grpc

from domain_svc.lookup import Lookup
from kernel.errors import StorageUnavailable
from kernel.names import is_command_id, is_stream
from prism.envelope.v1.envelope_pb2 import Outcome
from prism.mesh.v1 import mesh_pb2, mesh_pb2_grpc


class OutcomesService(mesh_pb2_grpc.OutcomesServicer):
    """prism.mesh.v1.Outcomes."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def GetOutcome(  # the contract's name
        self, request: mesh_pb2.GetOutcomeRequest, context: grpc.ServicerContext
    ) -> Outcome:
        """The outcome of a command; NOT_FOUND for one that its stream does not know."""
        if not is_stream(request.stream) or not is_command_id(request.command_id):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "that names no stream, or no command")
        try:
            outcome = self._lookup.outcome(request.stream, request.command_id)
        except StorageUnavailable:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the event store is out of reach")
        if outcome is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "the stream knows no such command")
        return outcome


def register(service: OutcomesService) -> Callable[[grpc.Server], list[str]]:
    """Adds the service to a server; answers its name for reflection."""

    def add(server: grpc.Server) -> list[str]:
        mesh_pb2_grpc.add_OutcomesServicer_to_server(service, server)
        return [mesh_pb2.DESCRIPTOR.services_by_name["Outcomes"].full_name]

    return add
