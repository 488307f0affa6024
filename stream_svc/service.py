"""The service: its parts, put together in the process that serves (so: after gunicorn forks)."""

from flask import Flask

from kernel import contract
from kernel.browsers import read_origins
from kernel.redis import connect
from kernel.settings import Settings
from kernel.storage import open_storage
from kernel.tokens import open_tokens
from kernel.updates import CAPACITY, UpdateLog
from kernel.worker_server import WorkerServer
from stream_svc.access import Topics
from stream_svc.app import create_app
from stream_svc.blueprint import HEARTBEAT_S, StreamBlueprint
from stream_svc.deliveries import DeliveriesService, register
from stream_svc.departures import Departures
from stream_svc.hub import Hub
from stream_svc.reader import Reader

# Clients that come back to a process that has just started find what they missed.
LOAD_WAIT_S = 5.0


class Service:
    """One process of stream_svc, from `start` to `stop`."""

    def __init__(
        self, settings: Settings, *, heartbeat_s: float = HEARTBEAT_S, capacity: int = CAPACITY
    ) -> None:
        shop = contract.load()
        tokens = open_tokens(settings)
        self._storage = open_storage(settings)
        self._hub = Hub(shop, settings.prism_sse_limit, capacity)
        self._reader = Reader(UpdateLog(connect(settings), settings.prism_namespace), self._hub, shop)
        topics = Topics(shop, self._storage.views)
        self._departures = Departures()
        streams = StreamBlueprint(self._hub, self._reader, self._departures, tokens, topics, heartbeat_s)
        self.app: Flask = create_app(streams, tokens, self._hub, read_origins(settings))
        self._grpc = WorkerServer(
            settings,
            service="stream_svc",
            port=settings.prism_stream_grpc_port,
            tokens=tokens,
            consumers=[self._reader],
            healthy=lambda: self._reader.healthy and not self._hub.closed,
            register=register(DeliveriesService(self._hub)),
        )

    def start(self) -> None:
        """Reads what Redis keeps, as far as it answers soon, and serves gRPC."""
        self._reader.start(LOAD_WAIT_S)
        self._departures.start()
        self._grpc.start()

    def end_streams(self) -> None:
        """Ends every stream, at once or as soon as it is opened, so that its client comes back elsewhere.

        Does not block.
        """
        self._grpc.retire()
        self._hub.close()
        self._reader.end()
        self._departures.end()

    def stop(self) -> None:
        """Ends all else."""
        self.end_streams()
        self._reader.stop()
        self._grpc.stop(grace_s=1.0)
        self._storage.close()
