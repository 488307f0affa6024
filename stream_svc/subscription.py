"""A subscription: what waits to be sent to one client."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue

from kernel.telemetry.metrics import SSE_MESSAGES

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


class Subscription:
    """The messages for one client, in order: the hub puts them, the client's thread takes them.

    A replay comes first, rendered as it is taken. At most `limit` messages wait behind it.
    """

    def __init__(self, addresses: frozenset[tuple[str, str]], replay: Iterator[bytes], limit: int) -> None:
        self.addresses = addresses
        self._replay = replay
        self._limit = limit
        # SimpleQueue is made of C: a message wakes its thread in microseconds, idle threads cost nothing.
        self._messages: SimpleQueue[bytes] = SimpleQueue()
        self._ended = False

    def put(self, message: bytes) -> bool:
        """Adds a message; False when too many wait. Never blocks."""
        if self._messages.qsize() >= self._limit:
            return False
        self._messages.put(message)
        return True

    def start_over(self, message: bytes) -> None:
        """Drops what waits (but for what is being taken right now) and goes on with a message."""
        dropped, self._messages = self._messages, SimpleQueue()
        self._messages.put(message)
        # Wakes a taker, who then looks at the new queue.
        dropped.put(b"")

    def end(self) -> None:
        """Lets `take` raise Ended from now on; what waits is replayed when the client comes back."""
        self._ended = True
        self._messages.put(b"")

    @property
    def idle(self) -> bool:
        """True when nothing waits. For the taker."""
        return self._messages.empty()

    def take(self, timeout_s: float) -> bytes:
        """The next messages, up to BATCH; empty when none came in time. Ended when there will be none."""
        replayed = list(islice(self._replay, BATCH))
        SSE_MESSAGES.inc(len(replayed))
        taken = b"".join(replayed) or self._next(timeout_s)
        if self._ended:
            raise Ended
        return taken

    def _next(self, timeout_s: float) -> bytes:
        messages = self._messages
        taken = []
        with suppress(Empty):
            taken.append(messages.get(timeout=max(0.0, timeout_s)))
            while len(taken) < BATCH:
                taken.append(messages.get_nowait())
        SSE_MESSAGES.inc(sum(map(bool, taken)))
        if any(taken) or messages is self._messages:
            return b"".join(taken)
        return self._next(timeout_s)
