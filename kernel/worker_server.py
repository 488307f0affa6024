"""The gRPC side of a worker: health, reflection, admin, doorbell, and what else it serves."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from kernel.admin.operators import Guard
from kernel.admin.service import AdminConsumer, AdminService
from kernel.channels import listen
from kernel.ports import EventStore
from kernel.settings import Settings
from kernel.tokens import Tokens
from prism.admin.v1 import admin_pb2, admin_pb2_grpc
from prism.mesh.v1 import mesh_pb2, mesh_pb2_grpc

logger = logging.getLogger(__name__)

HEALTH_INTERVAL_S = 1.0
THREADS = 8
# Each bell's line holds a thread.
MAX_BELLS = 32
MAX_CONCURRENT_RPCS = 64


class WorkerServer:
    """Serves a worker's gRPC side until it is stopped.

    `healthy` is asked every second, in a thread of its own, and may block for a few: the health
    service answers SERVING only while it last answered True. `events` is where dead letters' commits rest;
    a worker without queues needs none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        service: str,
        port: int,
        tokens: Tokens,
        consumers: Sequence[AdminConsumer],
        healthy: Callable[[], bool],
        rings: dict[str, Callable[[], None]] | None = None,
        events: EventStore | None = None,
        register: Callable[[grpc.Server], Iterable[str]] = lambda server: (),
    ) -> None:
        self._service = service
        self._healthy = healthy
        self._stopping = Event()
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS + MAX_BELLS, thread_name_prefix="grpc"),
            interceptors=[Guard(tokens)],
            # Without this a second process could silently share the port of the first.
            options=[("grpc.so_reuseport", 0)],
            maximum_concurrent_rpcs=MAX_CONCURRENT_RPCS,
        )
        self._health = health.HealthServicer()
        self._health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        admin_pb2_grpc.add_AdminServicer_to_server(AdminService(service, consumers, events), self._server)
        self._doorbell = DoorbellService(rings or {})
        mesh_pb2_grpc.add_DoorbellServicer_to_server(self._doorbell, self._server)
        names = [
            health.SERVICE_NAME,
            admin_pb2.DESCRIPTOR.services_by_name["Admin"].full_name,
            mesh_pb2.DESCRIPTOR.services_by_name["Doorbell"].full_name,
            *register(self._server),
        ]
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], self._server)
        listen(self._server, settings, f"{settings.prism_bind}:{port}")
        self._watcher = Thread(target=self._watch, name="health", daemon=True)

    def start(self) -> None:
        """Begins to serve; SERVING follows with the first healthy check."""
        self._server.start()
        self._watcher.start()

    def retire(self) -> None:
        """Says NOT_SERVING and hangs up on ringers; goes on answering."""
        self._stopping.set()
        self._health.enter_graceful_shutdown()
        self._doorbell.hang_up()

    def stop(self, grace_s: float = 2.0) -> None:
        """Retires, lets calls finish for `grace_s`, and closes the port."""
        self.retire()
        self._server.stop(grace_s).wait()

    def _watch(self) -> None:
        serving = None
        while not self._stopping.is_set():
            now = self._check()
            if now != serving:
                serving = now
                status = (
                    health_pb2.HealthCheckResponse.SERVING
                    if now
                    else health_pb2.HealthCheckResponse.NOT_SERVING
                )
                self._health.set("", status)
                logger.info("%s is %s", self._service, "serving" if now else "not serving")
            self._stopping.wait(HEALTH_INTERVAL_S)

    def _check(self) -> bool:
        try:
            return self._healthy()
        except Exception:  # whatever keeps a check from answering is not health
            logger.exception("%s: the health check failed", self._service)
            return False


class DoorbellService(mesh_pb2_grpc.DoorbellServicer):
    """prism.mesh.v1.Doorbell: passes rings on to the queues' consumers."""

    def __init__(self, rings: dict[str, Callable[[], None]]) -> None:
        self._rings = rings
        self._lock = Lock()
        self._lines: set[grpc.ServicerContext] = set()

    def Ring(  # the contract's name
        self, request_iterator: Iterator[mesh_pb2.RingRequest], context: grpc.ServicerContext
    ) -> mesh_pb2.RingResponse:
        """Rings until the ringer hangs up. A queue that is not consumed here is no error."""
        with self._lock:
            if len(self._lines) >= MAX_BELLS:
                # It holds a thread: without it, the consumer polls.
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many bells")
            self._lines.add(context)
        try:
            for request in request_iterator:
                if ring := self._rings.get(request.queue):
                    ring()
        except grpc.RpcError:
            logger.debug("a bell's line was cut")
        finally:
            with self._lock:
                self._lines.discard(context)
        return mesh_pb2.RingResponse()

    def hang_up(self) -> None:
        """Ends all lines: ringers look for another one at home."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            line.cancel()
