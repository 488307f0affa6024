"""gunicorn, set up for streams: one worker process, and a thread for each open stream."""

import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped] # gunicorn ships no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped] # gunicorn ships no types

from kernel.collector import calm_collector
from kernel.http_worker import HttpWorker
from kernel.settings import Settings
from kernel.telemetry import tracing
from kernel.telemetry.gunicorn_log import GunicornLogger
from stream_svc.service import Service

# Beyond the streams: threads that say 503 at once, and connections that are kept alive between requests.
SPARE_THREADS = 32
SPARE_CONNECTIONS = 128
# What an ending process has; the streams themselves end within milliseconds.
DRAIN_S = 6
# After that a client that takes nothing counts as dead: its thread would be stuck in a write for ever.
STUCK_MS = 30_000
# What the kernel holds for a client beside what waits here; it doubles it.
SEND_BUFFER_BYTES = 128 * 1024


class StreamWorker(HttpWorker):
    """A worker whose connections end when their clients take nothing."""

    def init_process(self) -> None:
        """Runs in the worker process, from its start to its end."""
        for listener in self.sockets:
            # Accepted connections inherit both. The second is Linux's alone.
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            if option := getattr(socket, "TCP_USER_TIMEOUT", None):
                listener.sock.setsockopt(socket.IPPROTO_TCP, option, STUCK_MS)
        super().init_process()


class Master(Arbiter):  # type: ignore[misc] # the same
    """gunicorn's master process, whose worker ends before the next one starts: both want the gRPC port."""

    def handle_hup(self) -> None:
        """SIGHUP: a new worker. Clients wait in the queue of the port meanwhile."""
        ends = time.monotonic() + DRAIN_S
        self.kill_workers(signal.SIGTERM)
        while self.WORKERS and time.monotonic() < ends:
            time.sleep(0.05)
            self.reap_workers()
        self.kill_workers(signal.SIGKILL)


class Server(BaseApplication):  # type: ignore[misc] # gunicorn ships no types
    """gunicorn's application. `make_service` is called in the worker process."""

    def __init__(self, settings: Settings, make_service: Callable[[Settings], Service] = Service) -> None:
        self._settings = settings
        self._make_service = make_service
        self._service: Service | None = None
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's settings: ours alone, whatever its environment variables say."""
        threads = self._settings.prism_sse_limit + SPARE_THREADS
        options: dict[str, Any] = {
            "bind": f"{self._settings.prism_bind}:{self._settings.prism_stream_port}",
            "workers": 1,
            "worker_class": StreamWorker,
            "threads": threads,
            "worker_connections": threads + SPARE_CONNECTIONS,
            "graceful_timeout": DRAIN_S,
            "logger_class": GunicornLogger,
            "loglevel": self._settings.prism_log_level.lower(),
            "proc_name": "stream_svc",
            "control_socket_disable": True,
            "post_worker_init": lambda worker: self._start(),
            "worker_exit": lambda arbiter, worker: self._stop(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Makes the service; gunicorn calls it once, in the worker process."""
        tracing.set_up("stream_svc")
        self._service = self._make_service(self._settings)
        return self._service.app

    def drain(self) -> None:
        """Ends every stream of this process: by themselves they never would."""
        if self._service:
            self._service.end_streams()

    def _start(self) -> None:
        self._started().start()
        calm_collector()

    def _started(self) -> Service:
        assert self._service, "gunicorn loads the application first"
        return self._service

    def _stop(self) -> None:
        if self._service:
            self._service.stop()
        tracing.tear_down()


def serve(settings: Settings, make_service: Callable[[Settings], Service] = Service) -> None:
    """Serves until SIGTERM or SIGINT; ends the process."""
    Master(Server(settings, make_service)).run()
