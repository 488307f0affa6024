"""The backlog's limit: past so many messages in the commands queue, the edge takes no more.

Counted are messages: a command by itself is one, a batch is as few as it fits into. Delayed commands wait in
a queue of their own, so all that is counted waits to be processed, or is just being so.
"""

import time
from collections.abc import Callable
from threading import Lock

from kernel.ports import Queue

# The depth is asked for when a process has put this share of the limit since it last asked, so the limit is
# passed by a share a process, and by what is put while one asks; and costs a lone command nothing.
SHARES = 20
# Between questions while the queue is full.
FULL_S = 1.0


class Backlog:
    """What one process knows of a queue's backlog. Safe for threads; a limit of 0 is none."""

    def __init__(self, queue: Queue, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._limit = limit
        self._share = max(1, limit // SHARES)
        self._clock = clock
        self._lock = Lock()
        self._full = False
        # Since the last question. Nobody has asked yet.
        self._put = self._share
        self._ask_at = 0.0

    def has_room(self, messages: int) -> bool:
        """Whether so many more may be put. StorageUnavailable when it is time to ask and nobody answers."""
        if not self._limit:
            return True
        if self._is_time_to_ask(messages):
            self._full = self._queue.depth().messages >= self._limit
        return not self._full

    def _is_time_to_ask(self, messages: int) -> bool:
        with self._lock:
            self._put += messages
            known = self._clock() < self._ask_at if self._full else self._put <= self._share
            if known:
                return False
            # One asks; the others go by what was known.
            self._put, self._ask_at = 0, self._clock() + FULL_S
            return True
