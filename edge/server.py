"""gunicorn, set up for the edge."""

import sys
from threading import Event
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped] # gunicorn ships no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped] # gunicorn ships no types
from gunicorn.workers.base import Worker  # type: ignore[import-untyped] # gunicorn ships no types

from edge import counters
from kernel.collector import calm_collector
from kernel.errors import ConfigurationError
from kernel.http_worker import HttpWorker
from kernel.settings import Settings
from kernel.telemetry import tracing
from kernel.telemetry.gunicorn_log import GunicornLogger

# A stopping worker answers what is under way, and then drops what is not done.
DRAIN_S = 8
KEEP_ALIVE_S = 65
# A worker's; past them the one that has been idle longest makes room.
CONNECTIONS = 1000
MAX_REQUEST_LINE_BYTES = 4094
MAX_HEADERS = 64
MAX_HEADER_BYTES = 8190


class EdgeServer(BaseApplication):  # type: ignore[misc] # gunicorn ships no types
    """The master process. Its workers are forked from it, and each builds the application."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Each worker has its own, from the fork on.
        self._draining = Event()
        super().__init__()

    def load_config(self) -> None:
        """Takes everything from the settings, nothing from gunicorn's own files and variables."""
        for name, value in gunicorn_config(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application. Called in each worker, after the fork."""
        # Not before the fork: it loads gRPC, whose threads do not survive one.
        from edge.app import create_app

        try:
            return create_app(self._settings, self._draining)
        except ConfigurationError as error:
            print(f"edge: {error}", file=sys.stderr)  # noqa: T201 as every service's first words
            sys.exit(Arbiter.APP_LOAD_ERROR)

    def drain(self) -> None:
        """Has requests that wait for an outcome answered without it."""
        self._draining.set()


def gunicorn_config(settings: Settings) -> dict[str, Any]:
    """gunicorn's settings."""
    host = f"[{settings.prism_bind}]" if ":" in settings.prism_bind else settings.prism_bind
    return {
        "bind": f"{host}:{settings.prism_edge_port}",
        "workers": settings.prism_edge_workers,
        "threads": settings.prism_edge_threads,
        "worker_class": HttpWorker,
        "worker_connections": CONNECTIONS,
        "keepalive": KEEP_ALIVE_S,
        "graceful_timeout": DRAIN_S,
        "limit_request_line": MAX_REQUEST_LINE_BYTES,
        "limit_request_fields": MAX_HEADERS,
        "limit_request_field_size": MAX_HEADER_BYTES,
        "loglevel": settings.prism_log_level.lower(),
        "logger_class": GunicornLogger,
        "control_socket_disable": True,
        "pre_fork": place_worker,
        "post_fork": begin_worker,
        "post_worker_init": lambda worker: calm_collector(),
        "worker_exit": end_worker,
    }


def place_worker(arbiter: Arbiter, worker: Worker) -> None:
    """Gives a worker that is to be forked a place that nobody has."""
    worker.place = counters.free_place(other.place for other in arbiter.WORKERS.values())


def begin_worker(_arbiter: Arbiter, worker: Worker) -> None:
    """Begins to count, and to collect spans, in the process that does so."""
    counters.take_place(worker.place)
    tracing.set_up("edge")


def end_worker(_arbiter: Arbiter, _worker: Worker) -> None:
    """Sends the last spans."""
    tracing.tear_down()
