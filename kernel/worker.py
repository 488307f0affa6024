"""The life of a worker process: start, run until told to end, drain."""

import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Protocol

from kernel.collector import calm_collector
from kernel.configuration import check
from kernel.consumer import Consumer
from kernel.errors import ConfigurationError, StorageUnavailable
from kernel.ports import Storage
from kernel.settings import Settings, load
from kernel.telemetry import log, metrics, tracing
from kernel.telemetry.metrics_server import MetricsServer
from kernel.telemetry.queue_depths import QueueDepths
from kernel.tokens import open_tokens
from kernel.worker_server import WorkerServer

logger = logging.getLogger(__name__)
# With what follows it, a worker ends within ten seconds.
DRAIN_S = 6.0


def begin(service: str) -> Settings:
    """The settings of a worker's process, which logs and makes spans from now on; see `settings_or_exit`."""
    settings = settings_or_exit()
    log.set_up(settings, service, alone=True)
    tracing.set_up(service)
    return settings


def settings_or_exit() -> Settings:
    """The settings; a wrong one ends the process with the error that names it."""
    try:
        settings = load()
        check(settings)
        return settings
    except ConfigurationError as error:
        sys.exit(f"configuration: {error}")


def reachable(storage: Storage, consumers: Sequence[Consumer]) -> Callable[[], bool]:
    """A health check: the storage answers and every consumer runs."""

    def check() -> bool:
        try:
            storage.ping()
        except StorageUnavailable:
            return False
        return all(consumer.alive for consumer in consumers)

    return check


def metrics_server(
    settings: Settings, service: str, port: int, storage: Storage, consumers: Sequence[Consumer]
) -> MetricsServer:
    """What serves Prometheus the worker's metrics, and how much waits in its queues."""
    registry = metrics.of_service(service)
    registry.register(QueueDepths(storage, [consumer.name for consumer in consumers]))
    return MetricsServer(settings.prism_bind, port, open_tokens(settings), registry)


class Task(Protocol):
    """Something that a worker does beside its consumers."""

    def start(self) -> None:
        """Begins, in threads of its own."""

    def stop(self) -> None:
        """Ends, within a few seconds."""


def run(
    server: WorkerServer, consumers: Sequence[Consumer], storage: Storage, tasks: Sequence[Task] = ()
) -> None:
    """Serves and consumes until SIGTERM or SIGINT, then finishes what is at hand and returns.

    A batch that takes longer than DRAIN_S is left to whoever it is delivered to next.
    """
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    calm_collector()
    for consumer in consumers:
        consumer.start()
    for task in tasks:
        task.start()
    server.start()
    ended.wait()
    logger.info("draining")
    # First, so that nobody rings or asks a worker that takes no more.
    server.retire()
    for consumer in consumers:
        consumer.pause()
    deadline = time.monotonic() + DRAIN_S
    for task in tasks:
        task.stop()
    drained = [consumer.stop(max(0.1, deadline - time.monotonic())) for consumer in consumers]
    server.stop()
    if all(drained):
        storage.close()
    tracing.tear_down()
    logger.info("stopped" if all(drained) else "stopped before a batch was done: it will be delivered again")
