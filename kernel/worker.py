"""The life of a worker process: start, run until told to end, drain."""

import gc
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Protocol

from kernel.consumer import Consumer
from kernel.errors import ConfigurationError, StorageUnavailable
from kernel.ports import Storage
from kernel.settings import Settings, load
from kernel.worker_server import WorkerServer

logger = logging.getLogger(__name__)
DRAIN_S = 7.0


def log_to_stderr(settings: Settings) -> None:
    """Sets up logging for a service's process."""
    logging.basicConfig(
        level=settings.prism_log_level,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # The Azure SDK logs every request at INFO.
    logging.getLogger("azure").setLevel(logging.WARNING)


def settings_or_exit() -> Settings:
    """The settings; a wrong one ends the process with the error that names it."""
    try:
        return load()
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


class Task(Protocol):
    """Something that a worker does beside its consumers."""

    def start(self) -> None:
        """Begins, in threads of its own."""

    def stop(self) -> None:
        """Ends, within a few seconds."""


def run(
    server: WorkerServer, consumers: Sequence[Consumer], storage: Storage, tasks: Sequence[Task] = ()
) -> None:
    """Serves and consumes until SIGTERM or SIGINT, then finishes what is at hand and returns."""
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    # What is loaded by now stays: the collector need not look at it again and again.
    gc.freeze()
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
    storage.close()
    logger.info("stopped" if all(drained) else "stopped before a batch was done: it will be delivered again")
