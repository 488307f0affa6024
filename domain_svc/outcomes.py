"""Answers the outcomes that the event store keeps, over gRPC."""

from collections.abc import Callable, Iterable, Iterator
from threading import Lock

import grpc

from domain_svc import streams
from domain_svc.streams import Streams
from kernel.contract import aggregate_of
from kernel.errors import StorageUnavailable, UnknownType
from kernel.ports import EventStore
from prism.envelope.v1.envelope_pb2 import Commit, Outcome
from prism.mesh.v1 import mesh_pb2, mesh_pb2_grpc

SEARCH_CHUNK = 500


class OutcomesService(mesh_pb2_grpc.OutcomesServicer):
    """prism.mesh.v1.Outcomes, from streams of its own: gRPC's threads must not share the consumer's."""

    def __init__(self, store: EventStore, own: Streams) -> None:
        self._store = store
        self._streams = own
        self._lock = Lock()

    def GetOutcome(  # the contract's name
        self, request: mesh_pb2.GetOutcomeRequest, context: grpc.ServicerContext
    ) -> Outcome:
        """The outcome of a command; NOT_FOUND for one that its stream does not know."""
        try:
            outcome = self._find(request.stream, request.command_id)
        except StorageUnavailable:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the event store is out of reach")
        if outcome is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "the stream knows no such command")
        return outcome

    def _find(self, name: str, command_id: str) -> Outcome | None:
        if aggregate_of(name) not in self._streams.aggregates:
            return None
        with self._lock:
            self._streams.begin_batch()
            try:
                stream = self._streams.load_current(name)
            except UnknownType:
                # A newer replica went on with it. What was decided shows without the state.
                return _outcome_in(self._commits(name), command_id)
            if number := stream.processed.get(command_id):
                commit = self._streams.at_commit(name, number)
                return _outcome_in([commit] if commit else [], command_id)
            if len(stream.processed) < streams.PROCESSED_WINDOW:
                return None
            # Older than what is remembered: the commits themselves know. One search at a time.
            return _outcome_in(self._commits(name), command_id)

    def _commits(self, name: str) -> Iterator[Commit]:
        after = 0
        while commits := self._store.read(name, after=after, limit=SEARCH_CHUNK):
            yield from commits
            after = commits[-1].number


def _outcome_in(commits: Iterable[Commit], command_id: str) -> Outcome | None:
    outcomes = (outcome for commit in commits for outcome in commit.outcomes)
    return next((outcome for outcome in outcomes if outcome.command_id == command_id), None)


def register(service: OutcomesService) -> Callable[[grpc.Server], list[str]]:
    """Adds the service to a server; answers its name for reflection."""

    def add(server: grpc.Server) -> list[str]:
        mesh_pb2_grpc.add_OutcomesServicer_to_server(service, server)
        return [mesh_pb2.DESCRIPTOR.services_by_name["Outcomes"].full_name]

    return add
