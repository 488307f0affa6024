"""Workers to talk to: real gRPC servers behind the real guard, whose services keep what they hold in memory."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import NoReturn

import grpc
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from kernel.admin.operators import Guard, subject
from kernel.settings import load
from kernel.tokens import issue_dev_token, open_tokens
from prism.admin.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    deliveries_pb2,
    deliveries_pb2_grpc,
    projections_pb2,
    projections_pb2_grpc,
    streams_pb2,
    streams_pb2_grpc,
)
from prism.admin.v1.decoded_pb2 import Decoded

SETTINGS = load({"PRISM_DEV_TOKEN_KEY": "k" * 40})
Context = grpc.ServicerContext


def token(*roles: str) -> str:
    return issue_dev_token(SETTINGS, "olga", list(roles or ("operator",)))


def refuse(context: Context, code: grpc.StatusCode, why: str) -> NoReturn:
    context.abort(code, why)
    raise AssertionError("abort raises")


def opened(message: Message, **envelope: object) -> Decoded:
    """A command or event as a worker opens it."""
    decoded = Decoded(json=MessageToJson(message))
    for name, value in envelope.items():
        setattr(decoded.envelope, name, value)
    decoded.envelope.type = message.DESCRIPTOR.full_name
    decoded.envelope.data = message.SerializeToString()
    return decoded


@dataclass
class Desk(admin_pb2_grpc.AdminServicer):
    """Admin: consumers that can be paused, and queues of dead letters."""

    service: str
    consumers: dict[str, admin_pb2.ConsumerStatus]
    letters: dict[str, dict[str, admin_pb2.GetDeadLetterResponse]]
    requeued: list[tuple[str, str]] = field(default_factory=list)
    discarded: list[tuple[str, str, str, str]] = field(default_factory=list)
    # A requeue of all takes so many at a time.
    chunk: int = 2
    delay_s: float = 0

    def Status(self, request: admin_pb2.StatusRequest, context: Context) -> admin_pb2.StatusResponse:
        time.sleep(self.delay_s)
        for name, queue in self.letters.items():
            self.consumers[name].dead_letters = len(queue)
        answer = admin_pb2.StatusResponse(
            service=self.service, version="9.8.7", consumers=self.consumers.values(), memory_bytes=61_000_000
        )
        answer.uptime.FromSeconds(7384)
        return answer

    def Pause(self, request: admin_pb2.PauseRequest, context: Context) -> admin_pb2.PauseResponse:
        self._set(request.consumer, True, context)
        return admin_pb2.PauseResponse(paused=self._paused())

    def Resume(self, request: admin_pb2.ResumeRequest, context: Context) -> admin_pb2.ResumeResponse:
        self._set(request.consumer, False, context)
        return admin_pb2.ResumeResponse(paused=self._paused())

    def ListDeadLetters(
        self, request: admin_pb2.ListDeadLettersRequest, context: Context
    ) -> admin_pb2.ListDeadLettersResponse:
        if request.page_size > 100:
            refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "page_size is over 100")
        queues = [request.queue] if request.queue else sorted(self.letters)
        all_ = [each.letter for name in queues for each in self._queue(name, context).values()]
        first, size = int(request.page_token or 0), request.page_size or 20
        last = first + size
        token_ = str(last) if last < len(all_) else ""
        return admin_pb2.ListDeadLettersResponse(letters=all_[first:last], next_page_token=token_)

    def GetDeadLetter(
        self, request: admin_pb2.GetDeadLetterRequest, context: Context
    ) -> admin_pb2.GetDeadLetterResponse:
        queue = self._queue(request.queue, context)
        if request.id not in queue:
            refuse(context, grpc.StatusCode.NOT_FOUND, f"{request.queue} has no dead letter {request.id!r}")
        return queue[request.id]

    def RequeueDeadLetters(
        self, request: admin_pb2.RequeueDeadLettersRequest, context: Context
    ) -> admin_pb2.RequeueDeadLettersResponse:
        queue = self._queue(request.queue, context)
        asked = list(request.ids) or list(queue)[: self.chunk]
        there = [id_ for id_ in asked if queue.pop(id_, None)]
        self.requeued += [(request.queue, id_) for id_ in there]
        missing = [id_ for id_ in asked if id_ not in there]
        more = bool(queue) and not request.ids
        return admin_pb2.RequeueDeadLettersResponse(requeued=len(there), missing=missing, more=more)

    def DiscardDeadLetters(
        self, request: admin_pb2.DiscardDeadLettersRequest, context: Context
    ) -> admin_pb2.DiscardDeadLettersResponse:
        queue = self._queue(request.queue, context)
        if not request.ids:
            refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "ids is empty")
        there = [id_ for id_ in request.ids if queue.pop(id_, None)]
        self.discarded += [(request.queue, id_, request.reason, subject()) for id_ in there]
        missing = [id_ for id_ in request.ids if id_ not in there]
        return admin_pb2.DiscardDeadLettersResponse(discarded=len(there), missing=missing)

    def add_letter(
        self, queue: str, id_: str, item: Decoded | None, reason: str, body: bytes = b"as received"
    ) -> None:
        answer = admin_pb2.GetDeadLetterResponse(items=[item] if item else [], body=body)
        answer.letter.id, answer.letter.queue, answer.letter.reason = id_, queue, reason
        answer.letter.deliveries = 5
        answer.letter.time.FromJsonString("2026-11-23T15:04:05.678Z")
        if item:
            envelope = item.envelope
            answer.letter.items.add(id=envelope.id, type=envelope.type, stream=envelope.stream)
        self.letters[queue][id_] = answer

    def _queue(self, name: str, context: Context) -> dict[str, admin_pb2.GetDeadLetterResponse]:
        if name not in self.letters:
            refuse(context, grpc.StatusCode.NOT_FOUND, f"{self.service} does not consume the queue {name!r}")
        return self.letters[name]

    def _set(self, name: str, paused: bool, context: Context) -> None:
        if name and name not in self.consumers:
            refuse(context, grpc.StatusCode.NOT_FOUND, f"{self.service} has no consumer {name!r}")
        for consumer in [self.consumers[name]] if name else self.consumers.values():
            consumer.paused = paused

    def _paused(self) -> list[str]:
        return sorted(name for name, consumer in self.consumers.items() if consumer.paused)


@dataclass
class Shelf(streams_pb2_grpc.StreamsServicer):
    """Streams: commits, states by version, and the traces of commands."""

    commits: dict[str, list[streams_pb2.StoredCommit]] = field(default_factory=dict)
    stored: dict[str, list[streams_pb2.StoredCommit]] = field(default_factory=dict)
    states: dict[tuple[str, int], str] = field(default_factory=dict)
    traces: dict[tuple[str, str], streams_pb2.TraceResponse] = field(default_factory=dict)
    published: list[tuple[str, int]] = field(default_factory=list)
    # Commits that a call publishes.
    chunk: int = 2

    def ReadStream(
        self, request: streams_pb2.ReadStreamRequest, context: Context
    ) -> streams_pb2.ReadStreamResponse:
        self._check(request.stream, context)
        if request.page_size > 100:
            refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "page_size is over 100")
        commits = (self.stored if request.stored else self.commits).get(request.stream, [])
        rest = [commit for commit in commits if commit.number > request.after]
        page = rest[: request.page_size or 20]
        next_after = page[-1].number if len(rest) > len(page) else 0
        return streams_pb2.ReadStreamResponse(commits=page, next_after=next_after)

    def GetState(
        self, request: streams_pb2.GetStateRequest, context: Context
    ) -> streams_pb2.GetStateResponse:
        self._check(request.stream, context)
        latest = max((version for name, version in self.states if name == request.stream), default=0)
        version = request.version or latest
        if version > latest:
            refuse(context, grpc.StatusCode.NOT_FOUND, f"{request.stream} is at version {latest}")
        return streams_pb2.GetStateResponse(
            stream=request.stream, version=version, json=self.states[request.stream, version]
        )

    def Republish(
        self, request: streams_pb2.RepublishRequest, context: Context
    ) -> streams_pb2.RepublishResponse:
        self._check(request.stream, context)
        first = getattr(request, "from") or 1
        last = request.to or 2**32
        wanted = [c.number for c in self.commits.get(request.stream, []) if first <= c.number <= last]
        done = wanted[: self.chunk]
        self.published += [(request.stream, number) for number in done]
        next_from = done[-1] + 1 if len(wanted) > len(done) else 0
        return streams_pb2.RepublishResponse(commits=len(done), next_from=next_from)

    def Trace(self, request: streams_pb2.TraceRequest, context: Context) -> streams_pb2.TraceResponse:
        found = self.traces.get((request.command_id, request.stream))
        return found or refuse(context, grpc.StatusCode.NOT_FOUND, "neither Redis nor a stream knows it")

    def _check(self, stream: str, context: Context) -> None:
        if not stream.startswith(("cart-", "order-")):
            refuse(context, grpc.StatusCode.INVALID_ARGUMENT, f"no aggregate has streams like {stream!r}")


@dataclass
class Easel(projections_pb2_grpc.ProjectionsServicer):
    """Projections: rebuilds that go on without whoever follows them, and views with rows that differ."""

    views: dict[str, projections_pb2.ProjectionStatus]
    # What a rebuild answers; it ends with LIVE unless it is cancelled or held.
    total: int = 1000
    steps: int = 4
    held: Event = field(default_factory=Event)
    running: dict[str, Event] = field(default_factory=dict)
    differences: list[projections_pb2.RowDifference] = field(default_factory=list)
    # The servers ends here, without a result.
    breaks: bool = False

    def ListProjections(
        self, request: projections_pb2.ListProjectionsRequest, context: Context
    ) -> projections_pb2.ListProjectionsResponse:
        return projections_pb2.ListProjectionsResponse(projections=self.views.values())

    def Rebuild(
        self, request: projections_pb2.RebuildRequest, context: Context
    ) -> Iterator[projections_pb2.RebuildResponse]:
        view = self._view(request.view, context)
        cancelled = self.running.setdefault(request.view, Event())
        generation = view.generation + 1
        yield self._progress(generation, "COUNTING", 0, 0)
        for step in range(self.steps):
            yield self._progress(generation, "BUILDING", self.total * step // self.steps, self.total)
            while self.held.is_set() and not cancelled.is_set() and context.is_active():
                time.sleep(0.02)
                yield self._progress(generation, "BUILDING", self.total * step // self.steps, self.total)
            if cancelled.is_set():
                refuse(context, grpc.StatusCode.ABORTED, "the rebuild was cancelled by olga")
        del self.running[request.view]
        view.generation = generation
        yield self._progress(generation, "LIVE", self.total, self.total)

    def CancelRebuild(
        self, request: projections_pb2.CancelRebuildRequest, context: Context
    ) -> projections_pb2.CancelRebuildResponse:
        view = self._view(request.view, context)
        if request.view not in self.running:
            refuse(context, grpc.StatusCode.FAILED_PRECONDITION, f"no rebuild of {request.view} runs")
        self.running.pop(request.view).set()
        return projections_pb2.CancelRebuildResponse(generation=view.generation + 1)

    def Verify(
        self, request: projections_pb2.VerifyRequest, context: Context
    ) -> Iterator[projections_pb2.VerifyResponse]:
        self._view(request.view, context)
        for done in (0, self.total):
            progress = self._progress(0, "BUILDING", done, self.total).progress
            yield projections_pb2.VerifyResponse(progress=progress)
        comparing = self._progress(0, "COMPARING", self.total, self.total).progress
        yield projections_pb2.VerifyResponse(progress=comparing)
        if self.breaks:
            return
        for difference in self.differences[: request.limit or 1000]:
            yield projections_pb2.VerifyResponse(difference=difference)
        result = projections_pb2.VerifyResult(rows=42, differing=len(self.differences), events=self.total)
        yield projections_pb2.VerifyResponse(result=result)

    def _progress(
        self, generation: int, phase: str, done: int, total: int
    ) -> projections_pb2.RebuildResponse:
        progress = projections_pb2.RebuildProgress(
            generation=generation,
            phase=phase,
            done=done,
            total=total,
            rate=12500.0 if done else 0,
        )
        if done:
            progress.time_left.FromMilliseconds(80)
        return projections_pb2.RebuildResponse(progress=progress)

    def _view(self, name: str, context: Context) -> projections_pb2.ProjectionStatus:
        if name not in self.views:
            refuse(context, grpc.StatusCode.NOT_FOUND, f"the contract has no view {name!r}")
        return self.views[name]


@dataclass
class Mail(deliveries_pb2_grpc.DeliveriesServicer):
    """Deliveries: what went to clients, by command."""

    delivered: dict[str, deliveries_pb2.GetDeliveryResponse] = field(default_factory=dict)

    def GetDelivery(
        self, request: deliveries_pb2.GetDeliveryRequest, context: Context
    ) -> deliveries_pb2.GetDeliveryResponse:
        found = self.delivered.get(request.command_id)
        return found or refuse(context, grpc.StatusCode.NOT_FOUND, "not among the entries")


def consumer(name: str, **values: int) -> admin_pb2.ConsumerStatus:
    status = admin_pb2.ConsumerStatus(name=name, **values)  # type: ignore[arg-type] # counts alone
    status.lag.FromMilliseconds(12)
    return status


class Server:
    """A worker's port with services behind the guard. May be stopped and leave a dead address behind."""

    def __init__(self, *adders: Callable[[grpc.Server], None]) -> None:
        self._server = grpc.server(
            ThreadPoolExecutor(16),
            interceptors=[Guard(open_tokens(SETTINGS))],
            options=[("grpc.so_reuseport", 0)],
        )
        for add in adders:
            add(self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()


class Plane:
    """A domain_svc, a projector_svc and a stream_svc."""

    def __init__(self) -> None:
        self.domain = Desk(
            "domain_svc",
            {
                "commands": consumer("commands", depth=3, handled=1234),
                "events-policies": consumer("events-policies"),
            },
            {"commands": {}, "events-policies": {}},
        )
        self.projector = Desk(
            "projector_svc",
            {"events-views": consumer("events-views"), "events-sales": consumer("events-sales")},
            {"events-views": {}, "events-sales": {}},
        )
        self.stream = Desk("stream_svc", {"updates": consumer("updates")}, {})
        self.shelf = Shelf()
        self.easel = Easel(
            {
                name: projections_pb2.ProjectionStatus(view=name, subscriber="views", aggregates=["cart"])
                for name in ("cart", "orders")
            }
        )
        self.mail = Mail()
        self.domain_server = Server(
            lambda server: admin_pb2_grpc.add_AdminServicer_to_server(self.domain, server),
            lambda server: streams_pb2_grpc.add_StreamsServicer_to_server(self.shelf, server),
        )
        self.projector_server = Server(
            lambda server: admin_pb2_grpc.add_AdminServicer_to_server(self.projector, server),
            lambda server: projections_pb2_grpc.add_ProjectionsServicer_to_server(self.easel, server),
        )
        self.stream_server = Server(
            lambda server: admin_pb2_grpc.add_AdminServicer_to_server(self.stream, server),
            lambda server: deliveries_pb2_grpc.add_DeliveriesServicer_to_server(self.mail, server),
        )

    @property
    def env(self) -> dict[str, str]:
        """What an operator exports."""
        return {
            "PRISM_TOKEN": token(),
            "PRISM_DOMAIN_GRPC": self.domain_server.address,
            "PRISM_PROJECTOR_GRPC": self.projector_server.address,
            "PRISM_STREAM_GRPC": self.stream_server.address,
        }


@contextmanager
def running() -> Iterator[Plane]:
    plane = Plane()
    with ExitStack() as stack:
        for server in (plane.domain_server, plane.projector_server, plane.stream_server):
            stack.callback(server.stop)
        yield plane
