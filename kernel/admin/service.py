"""prism.admin.v1.Admin: how a worker is doing, its consumers' pause, and its queues' dead letters."""

import base64
import binascii
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn, Protocol

import grpc
import psutil

from kernel import VERSION, contract
from kernel.admin import operators
from kernel.admin.letter_contents import opened, summary
from kernel.consumer import Consumer
from kernel.dead_letters import DeadLetters, is_id, latest_id
from kernel.ports import EventStore
from kernel.telemetry import metrics
from prism.admin.v1 import admin_pb2, admin_pb2_grpc
from prism.envelope.v1.envelope_pb2 import DeadLetter

logger = logging.getLogger(__name__)

PAGE, MAX_PAGE = 20, 100
# A client takes answers of up to 4 MiB: a page of large letters is shorter.
MAX_ANSWER_BYTES = 2 * 1024 * 1024
MAX_IDS = 1000
MAX_REASON_CHARS = 200
# Letters at a time: between two times, a call looks at its deadline.
CHUNK = 100
# A call that is this near its deadline begins with no more.
MARGIN_S = 1.0
# Of a call that names none.
DEADLINE_S = 10.0


class AdminConsumer(Protocol):
    """What the admin plane can ask of a consumer. kernel.consumer.Consumer is one."""

    name: str

    @property
    def paused(self) -> bool:
        """Whether it takes no further batch."""

    def pause(self) -> None:
        """Takes no further batch until `resume`."""

    def resume(self) -> None:
        """Goes on."""

    def status(self) -> admin_pb2.ConsumerStatus:
        """How it is doing. StorageUnavailable when its queue cannot be asked."""


class AdminService(admin_pb2_grpc.AdminServicer):
    """The service over a worker's consumers. Those of queues have dead letters, whose commits rest in
    `events` where they are too large for a message."""

    def __init__(self, service: str, consumers: Sequence[AdminConsumer], events: EventStore | None) -> None:
        self._service = service
        self._consumers = {consumer.name: consumer for consumer in consumers}
        self._queues = {item.name: item for item in consumers if isinstance(item, Consumer)}
        self._events = events
        self._started_at = time.time()

    def Status(  # the contract's name
        self, request: admin_pb2.StatusRequest, context: grpc.ServicerContext
    ) -> admin_pb2.StatusResponse:
        """What the worker is and how it is doing."""
        response = admin_pb2.StatusResponse(
            service=self._service,
            version=VERSION,
            storage_calls=metrics.storage_calls(),
            memory_bytes=psutil.Process().memory_info().rss,
        )
        response.started_at.FromMilliseconds(int(self._started_at * 1000))
        response.uptime.FromMilliseconds(int((time.time() - self._started_at) * 1000))
        response.consumers.extend(consumer.status() for consumer in self._consumers.values())
        return response

    def Pause(  # the contract's name
        self, request: admin_pb2.PauseRequest, context: grpc.ServicerContext
    ) -> admin_pb2.PauseResponse:
        """Stops a consumer, or all of them, before the next batch."""
        for consumer in self._named(request.consumer, context):
            consumer.pause()
        return admin_pb2.PauseResponse(paused=self._paused())

    def Resume(  # the contract's name
        self, request: admin_pb2.ResumeRequest, context: grpc.ServicerContext
    ) -> admin_pb2.ResumeResponse:
        """Lets a consumer, or all of them, go on."""
        for consumer in self._named(request.consumer, context):
            consumer.resume()
        return admin_pb2.ResumeResponse(paused=self._paused())

    def ListDeadLetters(  # the contract's name
        self, request: admin_pb2.ListDeadLettersRequest, context: grpc.ServicerContext
    ) -> admin_pb2.ListDeadLettersResponse:
        """A page of the dead letters of a queue, or of all."""
        size = request.page_size or PAGE
        if size > MAX_PAGE:
            _refuse(context, f"page_size is {size}; a page has at most {MAX_PAGE} letters")
        queues = [self._queue(request.queue, context).name] if request.queue else sorted(self._queues)
        queue, after = _place(request.page_token)
        if request.page_token and queue not in queues:
            _refuse(context, "page_token is not one that this call answered for the same queue")
        response = admin_pb2.ListDeadLettersResponse()
        letters = response.letters
        for name in queues:
            if name >= queue and len(letters) <= size:
                # One more, to know whether there is more.
                page = self._queues[name].dead_letters.page(
                    after if name == queue else "", size + 1 - len(letters)
                )
                letters.extend(summary(id_, letter) for id_, letter in page.items())
        while len(letters) > size or (len(letters) > 1 and response.ByteSize() > MAX_ANSWER_BYTES):
            del letters[-1]
            response.next_page_token = _token(letters[-1])
        return response

    def GetDeadLetter(  # the contract's name
        self, request: admin_pb2.GetDeadLetterRequest, context: grpc.ServicerContext
    ) -> admin_pb2.GetDeadLetterResponse:
        """One dead letter, opened."""
        letters = self._queue(request.queue, context).dead_letters.get([request.id])
        if not letters:
            context.abort(
                grpc.StatusCode.NOT_FOUND, f"{request.queue} has no dead letter {request.id[:100]!r}"
            )
        letter = letters[request.id]
        return admin_pb2.GetDeadLetterResponse(
            letter=summary(request.id, letter),
            items=opened(letter, contract.load(), self._events),
            body=letter.body,
        )

    def RequeueDeadLetters(  # the contract's name
        self, request: admin_pb2.RequeueDeadLettersRequest, context: grpc.ServicerContext
    ) -> admin_pb2.RequeueDeadLettersResponse:
        """Puts letters back into their queue: those named, or all that are there now."""
        consumer = self._queue(request.queue, context)
        letters = consumer.dead_letters
        _check_ids(request.ids, context)
        response = admin_pb2.RequeueDeadLettersResponse()
        stop_at = _stop_at(context)
        try:
            for asked, found in _these(letters, request.ids) if request.ids else _all(letters):
                # The first chunk is tried in any case, so that asking again gets on.
                if response.requeued and time.monotonic() > stop_at:
                    response.more = True
                    break
                letters.requeue(found)
                response.requeued += len(found)
                response.missing.extend(id_ for id_ in asked if id_ not in found)
        finally:
            consumer.ring()
        return response

    def DiscardDeadLetters(  # the contract's name
        self, request: admin_pb2.DiscardDeadLettersRequest, context: grpc.ServicerContext
    ) -> admin_pb2.DiscardDeadLettersResponse:
        """Deletes letters. The log keeps what they were, and nothing of what they said."""
        letters = self._queue(request.queue, context).dead_letters
        _check_ids(request.ids, context)
        if not request.ids:
            _refuse(context, "ids is empty: name the letters to discard")
        if not request.reason.strip() or len(request.reason) > MAX_REASON_CHARS:
            _refuse(context, f"reason needs 1 to {MAX_REASON_CHARS} characters")
        response = admin_pb2.DiscardDeadLettersResponse()
        for asked, found in _these(letters, request.ids):
            for id_, letter in found.items():
                # Before it is gone: the log is all that remains of it.
                logger.warning(
                    "%s discards dead letter %s of %s, because %r: %s",
                    operators.subject(),
                    id_,
                    request.queue,
                    request.reason,
                    ", ".join(f"{item.type!r} {item.id!r}" for item in summary(id_, letter).items)
                    or "nothing that can be read",
                )
            letters.discard(found)
            response.discarded += len(found)
            response.missing.extend(id_ for id_ in asked if id_ not in found)
        return response

    def _paused(self) -> list[str]:
        return sorted(name for name, consumer in self._consumers.items() if consumer.paused)

    def _named(self, name: str, context: grpc.ServicerContext) -> list[AdminConsumer]:
        if not name:
            return list(self._consumers.values())
        if name not in self._consumers:
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"{self._service} has no consumer {name[:100]!r}; it has {', '.join(self._consumers)}",
            )
        return [self._consumers[name]]

    def _queue(self, name: str, context: grpc.ServicerContext) -> Consumer:
        if name not in self._queues:
            consumed = ", ".join(sorted(self._queues)) or "none"
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"{self._service} does not consume the queue {name[:100]!r}; it consumes {consumed}",
            )
        return self._queues[name]


# What was asked for at a time, and the letters that are there.
Chunks = Iterator[tuple[Sequence[str], dict[str, DeadLetter]]]


def _these(letters: DeadLetters, ids: Iterable[str]) -> Chunks:
    wanted = list(dict.fromkeys(ids))
    for first in range(0, len(wanted), CHUNK):
        chunk = wanted[first : first + CHUNK]
        yield chunk, letters.get(chunk)


def _all(letters: DeadLetters) -> Chunks:
    """Those that are there now: what dies again meanwhile is not put back for ever."""
    after, until = "", latest_id()
    while found := letters.page(after, CHUNK, until=until):
        chunk = list(found)
        yield chunk, found
        after = chunk[-1]


def _stop_at(context: grpc.ServicerContext) -> float:
    """When to begin with no more, by time.monotonic."""
    remaining = context.time_remaining()
    return time.monotonic() + (DEADLINE_S if remaining is None else remaining) - MARGIN_S


def _check_ids(ids: Sequence[str], context: grpc.ServicerContext) -> None:
    if len(ids) > MAX_IDS:
        _refuse(context, f"{len(ids)} ids are more than the {MAX_IDS} that a call takes")


def _refuse(context: grpc.ServicerContext, why: str) -> NoReturn:
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, why)


def _token(last: admin_pb2.DeadLetterSummary) -> str:
    return base64.urlsafe_b64encode(f"{last.queue}/{last.id}".encode()).decode()


def _place(token: str) -> tuple[str, str]:
    """The queue and id of the letter that a token goes on after; two empty texts where it is none."""
    try:
        queue, _, id_ = base64.b64decode(token, altchars=b"-_", validate=True).decode().partition("/")
    except (binascii.Error, ValueError):
        return "", ""
    return (queue, id_) if is_id(id_) else ("", "")
