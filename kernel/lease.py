"""Keeps received messages invisible for as long as they are being handled."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock, Thread

from kernel.errors import StorageUnavailable
from kernel.ports import Message, Queue

logger = logging.getLogger(__name__)


class Lease:
    """Holds a batch at a time, and renews its visibility timeout before two thirds have passed.

    A thread looks every third whether the batch of its last look is still being handled: a batch
    that is done sooner costs nothing.
    """

    def __init__(self, queue: Queue, visibility_s: float) -> None:
        self._queue = queue
        self._visibility_s = visibility_s
        self._held: dict[str, Message] = {}
        self._batch = 0
        # The batch of the last look.
        self._seen = 0
        self._lock = Lock()
        self._closed = Event()
        self._renewer = Thread(target=self._run, name=f"lease-{queue.name}", daemon=True)

    def start(self) -> None:
        """Begins to renew."""
        self._renewer.start()

    def close(self) -> None:
        """Renews no more."""
        self._closed.set()

    @property
    def size(self) -> int:
        """How many messages it holds."""
        return len(self._held)

    @contextmanager
    def hold(self, messages: Sequence[Message]) -> Iterator[None]:
        """Holds a batch while the block runs."""
        with self._lock:
            self._held = {message.id: message for message in messages}
            self._batch += 1
        try:
            yield
        finally:
            with self._lock:
                self._held = {}

    def current(self, messages: Sequence[Message]) -> list[Message]:
        """The messages with their latest receipts; one that was delivered elsewhere since is missing."""
        with self._lock:
            return [self._held[message.id] for message in messages if message.id in self._held]

    def look(self) -> None:
        """Renews the batch that is held, if it was held at the last look already."""
        with self._lock:
            batch, messages = self._batch, list(self._held.values())
        if messages and batch == self._seen:
            self._renew(batch, messages)
        self._seen = batch

    def _run(self) -> None:
        while not self._closed.wait(self._visibility_s / 3):
            self.look()

    def _renew(self, batch: int, messages: Sequence[Message]) -> None:
        try:
            renewed = self._queue.extend(messages, self._visibility_s)
        except StorageUnavailable as error:
            logger.warning("%s: could not renew the visibility of a batch: %s", self._queue.name, error)
            return
        with self._lock:
            if self._batch == batch and self._held:
                self._held = {message.id: message for message in renewed}
