"""gRPC to the workers: every call has a deadline and the operator's token, and a failed one says why."""

import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from queue import Empty, Queue
from threading import Thread
from typing import Protocol, TypeVar

# What gRPC's core logs would come between the lines of a table. Read when it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

from kernel.channels import open_channel
from kernel.settings import Settings
from prism.admin.v1.admin_pb2_grpc import AdminStub
from prism.admin.v1.deliveries_pb2_grpc import DeliveriesStub
from prism.admin.v1.projections_pb2_grpc import ProjectionsStub
from prism.admin.v1.streams_pb2_grpc import StreamsStub
from prismctl.errors import Failed, Lost, Misused, No, NotFound, Unauthorised, Unfit, Unreachable

Q = TypeVar("Q", contravariant=True)
A = TypeVar("A", covariant=True)
T = TypeVar("T")

SERVICES = ("domain_svc", "projector_svc", "stream_svc")
OPTION_OF = {"domain_svc": "--domain", "projector_svc": "--projector", "stream_svc": "--stream"}
# A page of large commits is larger than the 4 MiB that gRPC takes at most if it is not told.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    # Workers are never behind the proxy that the environment may name.
    ("grpc.enable_http_proxy", 0),
]
# A stream of answers that is silent for so long is taken for dead.
SILENCE_S = 30.0
MAX_REASON_CHARS = 300
TOKEN_HINT = "operator token needed: export PRISM_TOKEN=$(prismctl token), or --token"  # noqa: S105 # a hint


class Method(Protocol[Q, A]):
    """A call with one answer, as stubs have it."""

    def __call__(self, request: Q, /, *, timeout: float, metadata: "Metadata") -> A:
        """Calls it."""


class StreamMethod(Protocol[Q, A]):
    """A call with a stream of answers, as stubs have it."""

    def __call__(self, request: Q, /, *, metadata: "Metadata") -> "Answers[A]":
        """Calls it."""


class Answers(Protocol[A]):
    """A stream of answers."""

    def __iter__(self) -> Iterator[A]:
        """Each as it comes."""

    def cancel(self) -> object:
        """Hangs up."""


Metadata = tuple[tuple[str, str], ...]


class Worker:
    """One process: a replica of a service. Its channel opens with the first call.

    Calls block until the answer is there, `timeout_s` at most, and raise what `failure_of` makes of an error.
    """

    def __init__(self, service: str, address: str, token: str, timeout_s: float, settings: Settings) -> None:
        self.service = service
        self._settings = settings
        self.address = address
        self._token = token
        self._timeout_s = timeout_s

    def __str__(self) -> str:
        return f"{self.service} {self.address}"

    @cached_property
    def admin(self) -> AdminStub:
        """prism.admin.v1.Admin."""
        return AdminStub(self._channel)

    @cached_property
    def streams(self) -> StreamsStub:
        """prism.admin.v1.Streams."""
        return StreamsStub(self._channel)

    @cached_property
    def projections(self) -> ProjectionsStub:
        """prism.admin.v1.Projections."""
        return ProjectionsStub(self._channel)

    @cached_property
    def deliveries(self) -> DeliveriesStub:
        """prism.admin.v1.Deliveries."""
        return DeliveriesStub(self._channel)

    def call(self, method: Method[Q, A], request: Q) -> A:
        """The answer."""
        try:
            return method(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise failure_of(self, error, self._timeout_s) from None

    def follow(self, method: StreamMethod[Q, A], request: Q) -> Iterator[A]:
        """Every answer as it comes. Hangs up when the iterator is closed. Lost after the first answer.

        Has no deadline, for a rebuild takes what it takes: but one that falls silent is Unreachable.
        """
        answers = method(request, metadata=self._metadata)
        begun = False
        patience_s = max(SILENCE_S, self._timeout_s)
        arrived: Queue[tuple[A | None, grpc.RpcError | None]] = Queue()

        def read() -> None:
            try:
                for answer in answers:
                    arrived.put((answer, None))
                arrived.put((None, None))
            except grpc.RpcError as error:
                arrived.put((None, error))

        Thread(target=read, name="answers", daemon=True).start()
        try:
            while True:
                answer, error = arrived.get(timeout=patience_s)
                if error is not None:
                    raise _midway(failure_of(self, error, patience_s), begun)
                if answer is None:
                    return
                begun = True
                yield answer
        except Empty:
            silent = Unreachable(f"{self}: has said nothing for {patience_s:g} s; prismctl status")
            raise _midway(silent, begun) from None
        finally:
            answers.cancel()

    @cached_property
    def _channel(self) -> grpc.Channel:
        return open_channel(self._settings, self.address, CHANNEL_OPTIONS)

    @property
    def _metadata(self) -> Metadata:
        token = self._token.strip()
        if not token:
            return ()
        if not re.fullmatch("[!-~]+", token):
            raise Unauthorised(f"the token has characters that no token has; {TOKEN_HINT}")
        return (("authorization", f"Bearer {token}"),)


class Workers:
    """All workers: of each service, every replica that its target names. The settings name certificates."""

    def __init__(self, targets: Mapping[str, str], token: str, timeout_s: float, settings: Settings) -> None:
        self._settings = settings
        self._targets = targets
        self._token = token
        self._timeout_s = timeout_s
        self._found: dict[str, list[Worker]] = {}

    def of(self, service: str) -> list[Worker]:
        """The replicas of a service, one at least. May ask DNS."""
        if service not in self._targets:
            raise Misused(f"there is no service {service!r}: {', '.join(SERVICES)}")
        if service not in self._found:
            addresses = addresses_of(self._targets[service])
            if not addresses:
                raise Misused(f"{OPTION_OF[service]} names no address: HOST:PORT, or dns:///NAME:PORT")
            self._found[service] = [
                Worker(service, address, self._token, self._timeout_s, self._settings)
                for address in addresses
            ]
        return self._found[service]

    def all(self) -> list[Worker]:
        """Every worker, a service after the other."""
        return [worker for service in SERVICES for worker in self.of(service)]

    def any_of(self, service: str, ask: Callable[[Worker], T]) -> T:
        """What the first replica answers that can be reached."""
        failure: Failed | None = None
        for worker in self.of(service):
            try:
                return ask(worker)
            except Unreachable as error:
                failure = failure or error
        assert failure is not None  # a service has one replica at least
        raise failure


def addresses_of(target: str) -> list[str]:
    """Where a target's replicas are: its parts between commas, and each address that a DNS name has.

    A name that does not resolve stays as it is: the call to it will say so.
    """
    parts = [part.strip() for part in target.split(",")]
    # These have commas of their own.
    if target.startswith(("ipv4:", "ipv6:")):
        parts = [target]
    return [address for part in parts if part for address in _resolved(part)]


def _resolved(part: str) -> list[str]:
    named = re.fullmatch(r"dns:///(.+):(\d{1,5})", part)
    if not named:
        return [part]
    host, port = named[1].strip("[]"), named[2]
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, OverflowError):
        return [part]
    # A host with both kinds of addresses is one host.
    v4 = {str(address[0]) for family, *_, address in found if family == socket.AF_INET}
    v6 = {str(address[0]) for family, *_, address in found if family == socket.AF_INET6}
    return sorted(f"{ip}:{port}" for ip in v4) or sorted(f"[{ip}]:{port}" for ip in v6) or [part]


def _midway(failure: Failed, begun: bool) -> Failed:
    """A failure of a stream of answers: after the first one nobody else is asked instead."""
    return Lost(str(failure)) if begun and isinstance(failure, Unreachable) else failure


def failure_of(worker: Worker, error: grpc.RpcError, waited_s: float) -> Failed:
    """What a failed call means to an operator."""
    assert isinstance(error, grpc.Call)  # every error of a call is one, too
    code, said = error.code(), _reason(error.details() or "")
    match code:
        case grpc.StatusCode.UNAUTHENTICATED:
            return Unauthorised(f"{worker}: refused: {said}; {TOKEN_HINT}", "refused: operator token needed")
        case grpc.StatusCode.PERMISSION_DENIED:
            return Unauthorised(f"{worker}: refused: {said}; {TOKEN_HINT}", "refused: operator token needed")
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            late = f"no answer within {waited_s:g} s"
            return Unreachable(
                f"{worker}: unreachable: {late}; --timeout waits longer", f"unreachable: {late}"
            )
        case grpc.StatusCode.UNAVAILABLE:
            hint = f"is it running, and is {OPTION_OF[worker.service]} right?"
            return Unreachable(f"{worker}: unreachable: {said}; {hint}", f"unreachable: {said}")
        case grpc.StatusCode.NOT_FOUND:
            return NotFound(f"{worker}: {said}", said)
        case grpc.StatusCode.FAILED_PRECONDITION | grpc.StatusCode.OUT_OF_RANGE:
            return Unfit(f"{worker}: {said}", said)
        case grpc.StatusCode.UNIMPLEMENTED:
            old = "does not know this call: it is older than this prismctl, or another service"
            return Unfit(f"{worker}: {old}", "unknown call")
        case grpc.StatusCode.ABORTED:
            return No(f"{worker}: {said}", said)
        case grpc.StatusCode.INVALID_ARGUMENT:
            return Misused(f"{worker}: {said}", said)
        case _:
            hint = "its log says more"
            return Unreachable(f"{worker}: failed ({code.name}): {said}; {hint}", f"failed: {said}")


def _reason(details: str) -> str:
    """What gRPC or a worker said, without the layers of a connection that failed."""
    for known, meaning in (
        ("Connection refused", "connection refused"),
        ("DNS resolution failed", "its name does not resolve"),
        ("Domain name not found", "its name does not resolve"),
        ("Trying to connect an http1.x server", "what answers there is not gRPC"),
        ("Socket closed", "the connection was lost"),
        ("Connection reset", "the connection was lost"),
        ("No route to host", "no route to host"),
        ("Network is unreachable", "the network is out of reach"),
    ):
        if known in details:
            return meaning
    return " ".join(details.split())[:MAX_REASON_CHARS] or "it did not say why"
