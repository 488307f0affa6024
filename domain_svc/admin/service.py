"""Shows operators streams as they are stored, and what became of commands, over gRPC."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NoReturn

import grpc
import msgspec

from domain_svc.admin.consequences import Consequences, Memory, Traced
from domain_svc.admin.history import History
from kernel.admin.decoded import decoded
from kernel.contract import Contract, aggregate_of
from kernel.errors import Poison, UnknownType
from kernel.names import is_command_id, is_stream
from kernel.outcomes import OutcomeBoard
from kernel.upcasting import EventReader
from prism.admin.v1 import streams_pb2, streams_pb2_grpc
from prism.admin.v1.decoded_pb2 import Decoded
from prism.envelope.v1.envelope_pb2 import Commit, Envelope

PAGE_SIZE, MAX_PAGE_SIZE = 20, 100
# A page ends early rather than become larger; one commit alone may be.
MAX_PAGE_BYTES = 1024 * 1024
MAX_REPUBLISHED = 1000
# Sent together.
REPUBLISHED_AT_ONCE = 20
MAX_TRACED = 200


class StreamsService(streams_pb2_grpc.StreamsServicer):
    """prism.admin.v1.Streams. `publish` sends commits to the subscribers of their events."""

    def __init__(
        self,
        contract: Contract,
        aggregates: Sequence[str],
        history: History,
        consequences: Consequences,
        board: OutcomeBoard,
        events: EventReader,
        publish: Callable[[Sequence[Commit]], None],
    ) -> None:
        self._contract = contract
        self._aggregates = aggregates
        self._history = history
        self._consequences = consequences
        self._board = board
        self._events = events
        self._publish = publish

    def ReadStream(  # the contract's name
        self, request: streams_pb2.ReadStreamRequest, context: grpc.ServicerContext
    ) -> streams_pb2.ReadStreamResponse:
        """A page of commits with their events opened."""
        self._check_stream(request.stream, context)
        if request.page_size > MAX_PAGE_SIZE:
            _refuse(context, f"a page has 1 to {MAX_PAGE_SIZE} commits")
        page = streams_pb2.ReadStreamResponse()
        limit, size = request.page_size or PAGE_SIZE, 0
        for commit in self._history.commits(request.stream, request.after):
            if len(page.commits) == limit or (page.commits and size + commit.ByteSize() > MAX_PAGE_BYTES):
                page.next_after = page.commits[-1].number
                break
            shown = page.commits.add(number=commit.number, version=commit.version, outcomes=commit.outcomes)
            shown.events.extend(self._opened(event, request.stored) for event in commit.events)
            size += shown.ByteSize()
        return page

    def GetState(  # the contract's name
        self, request: streams_pb2.GetStateRequest, context: grpc.ServicerContext
    ) -> streams_pb2.GetStateResponse:
        """The aggregate's state at a version."""
        self._check_stream(request.stream, context)
        try:
            past = self._history.at(request.stream, request.version, context.is_active)
        except (Poison, UnknownType) as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"the stream cannot be read: {error}")
        if past is None:
            context.abort(
                grpc.StatusCode.NOT_FOUND, f"{request.stream} has not reached version {request.version}"
            )
        return streams_pb2.GetStateResponse(
            stream=request.stream,
            version=past.version,
            json=msgspec.json.encode(past.state, enc_hook=str).decode(),
            time=past.time,
        )

    def Republish(  # the contract's name
        self, request: streams_pb2.RepublishRequest, context: grpc.ServicerContext
    ) -> streams_pb2.RepublishResponse:
        """Sends commits to all subscribers once more."""
        self._check_stream(request.stream, context)
        # `from` is a word of Python's own.
        first: int = getattr(request, "from")
        last = request.to
        if not first:
            _refuse(context, "`from` is the number of the first commit to publish: 1 or more")
        if last and last < first:
            _refuse(context, f"`to` is {last}, which is before `from`, {first}; 0 is the last one")
        found = self._history.commits(request.stream, first - 1)
        answer, following = streams_pb2.RepublishResponse(), first
        while answer.commits < MAX_REPUBLISHED and context.is_active():
            batch = [c for c in islice(found, REPUBLISHED_AT_ONCE) if not last or c.number <= last]
            if batch:
                self._publish(batch)
            answer.commits += len(batch)
            if len(batch) < REPUBLISHED_AT_ONCE:
                return answer
            following = batch[-1].number + 1
            if following == last + 1:
                return answer
        if next(found, None):
            answer.next_from = following
        return answer

    def Trace(  # the contract's name
        self, request: streams_pb2.TraceRequest, context: grpc.ServicerContext
    ) -> streams_pb2.TraceResponse:
        """A command and what followed from it."""
        if request.stream:
            self._check_stream(request.stream, context)
        if not is_command_id(request.command_id):
            _refuse(context, "`command_id` has 1 to 64 letters, digits, hyphens and underscores")
        memory = Memory(self._board)
        first = self._consequences.find(request.stream, request.command_id, memory, context.is_active)
        if first is None:
            self._answer_unknown(request.stream, memory, context)
        following = self._consequences.follow(first, memory, context.is_active)
        traced = list(islice(following, MAX_TRACED + 1))
        return streams_pb2.TraceResponse(
            commands=[_shown(each) for each in traced[:MAX_TRACED]], truncated=len(traced) > MAX_TRACED
        )

    def _answer_unknown(self, stream: str, memory: Memory, context: grpc.ServicerContext) -> NoReturn:
        if stream:
            forgot = "" if memory.reached else "; Redis is out of reach"
            context.abort(grpc.StatusCode.NOT_FOUND, f"{stream} knows no such command{forgot}")
        if not memory.reached:
            context.abort(
                grpc.StatusCode.UNAVAILABLE, "Redis is out of reach: give the stream that decided on it"
            )
        context.abort(
            grpc.StatusCode.NOT_FOUND,
            "Redis knows no such command: older ones are found when the stream that decided is given, too",
        )

    def _opened(self, event: Envelope, stored: bool) -> Decoded:
        if stored:
            return decoded(event, self._contract)
        try:
            return decoded(self._events.upcast(event), self._contract)
        except Exception as error:  # noqa: BLE001 # an event that nobody can read must not hide its neighbours
            shown = decoded(event, self._contract)
            shown.problem = shown.problem or f"it cannot be upcast: {type(error).__name__}: {error}"
            return shown

    def _check_stream(self, name: str, context: grpc.ServicerContext) -> None:
        if aggregate_of(name) not in self._aggregates or not is_stream(name):
            _refuse(
                context,
                f"{name[:100]!r} is no stream: it is named `<aggregate>-<id>`, and the aggregates are "
                + ", ".join(sorted(self._aggregates)),
            )


def _refuse(context: grpc.ServicerContext, why: str) -> NoReturn:
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, why)


def _shown(traced: Traced) -> streams_pb2.TracedCommand:
    shown = streams_pb2.TracedCommand(outcome=traced.outcome, events=traced.events, cause=traced.cause)
    for event in shown.events:
        event.ClearField("data")
    return shown


def register(service: StreamsService) -> Callable[[grpc.Server], list[str]]:
    """Adds the service to a server; answers its name for reflection."""

    def add(server: grpc.Server) -> list[str]:
        streams_pb2_grpc.add_StreamsServicer_to_server(service, server)
        return [streams_pb2.DESCRIPTOR.services_by_name["Streams"].full_name]

    return add
