"""A subscription: what waits to be sent to one client."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue

from kernel.telemetry.metrics import SSE_MESSAGES
from stream_svc.cursors import Place

# What one write to a client carries at most.
BATCH = 100


@dataclass(frozen=True, slots=True)
class Interest:
    """What a client wants to hear: topics that its token may see."""

    subject: str
    topics: tuple[str, ...]

    @property
    def addresses(self) -> frozenset[tuple[str, str]]:
        """The topics with the owners whose items the client may see: its own subject's and nobody's."""
        return frozenset((topic, owner) for topic in self.topics for owner in (self.subject, ""))


class Ended(Exception):
    """There will be no more messages: the service ends, and the client shall come back."""


# A message and its place: one object, whoever it waits for.
Waiting = tuple[Place, bytes]


class Subscription:
    """The messages for one client, in order: the hub puts them, the client's thread takes them.

    A replay comes first, rendered as it is taken. What waits is bounded by the hub, which lets a client start
    over that has fallen behind the ring: so whatever waits, for however many, is of the ring's entries.
    """

    def __init__(self, addresses: frozenset[tuple[str, str]], replay: Iterator[bytes]) -> None:
        self.addresses = addresses
        self._replay = replay
        self._waiting: deque[Waiting] = deque()
        # SimpleQueue is made of C: it wakes a thread in microseconds, idle threads cost nothing. It holds a
        # token while something waits, and perhaps one more.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._ended = False

    def put(self, waiting: Waiting) -> None:
        """Adds a message. Never blocks. For the hub, which calls this and `start_over` one at a time."""
        self._waiting.append(waiting)
        if self._bell.empty():
            self._bell.put(None)

    def start_over(self, waiting: Waiting) -> None:
        """Drops what waits (but for what is being taken right now) and goes on with a message."""
        self._waiting.clear()
        self.put(waiting)

    def is_behind(self, floor: Place) -> bool:
        """Whether something waits that is no newer than a place."""
        try:
            return self._waiting[0][0] <= floor
        except IndexError:
            return False

    def end(self) -> None:
        """Lets `take` raise Ended from now on; what waits is replayed when the client comes back."""
        self._ended = True
        self._bell.put(None)

    @property
    def idle(self) -> bool:
        """True when nothing waits. For the taker."""
        return not self._waiting

    def take(self, timeout_s: float) -> bytes:
        """The next messages, up to BATCH; empty when none came in time. Ended when there will be none."""
        taken = list(islice(self._replay, BATCH)) or self._next(timeout_s)
        SSE_MESSAGES.inc(len(taken))
        if self._ended:
            raise Ended
        return b"".join(taken)

    def _next(self, timeout_s: float) -> list[bytes]:
        ends = time.monotonic() + timeout_s
        taken: list[bytes] = []
        # A token may be of a message that is taken already.
        while not taken and not self._ended:
            try:
                self._bell.get(timeout=max(0.0, ends - time.monotonic()))
            except Empty:
                break
            # IndexError: that is all, or the rest was dropped just now.
            with suppress(IndexError):
                while len(taken) < BATCH:
                    taken.append(self._waiting.popleft()[1])
        if self._waiting:
            self._bell.put(None)
        return taken
