"""The ring: the latest entries of one epoch, from which clients that come back are replayed."""

from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterator
from enum import StrEnum
from itertools import islice

from stream_svc.cursors import Place, Position
from stream_svc.items import Expanded, Item


class Reset(StrEnum):
    """Why a client must fetch anew what it shows."""

    # The cursor that it came with is of another epoch, or none of ours.
    UNKNOWN_CURSOR = "UNKNOWN_CURSOR"
    # What it missed is more than is kept.
    TOO_OLD = "TOO_OLD"
    # Updates may have been lost just now: Redis lost its memory, or was out of reach.
    UPDATES_LOST = "UPDATES_LOST"
    # It takes updates more slowly than they come.
    TOO_SLOW = "TOO_SLOW"


# As the entries are in Redis; here they take some six times as much.
MAX_BYTES = 32 * 1024 * 1024


class Ring:
    """At most `capacity` entries of together `max_bytes`, after a place up to which nothing is known.

    Not for several threads at once.
    """

    def __init__(self, capacity: int, epoch: str, floor: Place, max_bytes: int = MAX_BYTES) -> None:
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._entries: deque[Expanded] = deque()
        self._bytes = 0
        # All that is here comes after it.
        self.floor = floor
        # How far the ring reaches: everything up to here is in it, or was.
        self.end = Position(epoch, floor)

    def append(self, entry: Expanded) -> None:
        """Adds the next entry; past the capacity the oldest ones go."""
        self._entries.append(entry)
        self._bytes += entry.size
        self.end = entry.position
        while len(self._entries) > self._capacity or self._bytes > self._max_bytes:
            oldest = self._entries.popleft()
            self._bytes -= oldest.size
            self.floor = oldest.position.place

    def is_ahead(self, cursor: Position) -> bool:
        """True when the ring has not come as far as the cursor, or is of another epoch."""
        return cursor.epoch != self.end.epoch or cursor.place > self.end.place

    def refusal(self, cursor: Position) -> Reset | None:
        """Why nothing can be replayed from a cursor; None when all that came after it is here."""
        if self.is_ahead(cursor):
            return Reset.UNKNOWN_CURSOR
        return Reset.TOO_OLD if cursor.place < self.floor else None

    def find_all(
        self, addresses: Collection[tuple[str, str]], after: Place, until: Place
    ) -> Iterator[tuple[Item, str]]:
        """Items between two places, oldest first, each with the first of its topics that is addressed."""
        for entry in self._between(after, until):
            for item in entry.items:
                if item.position.place > after:
                    topics = (topic for topic in item.topics if (topic, item.owner) in addresses)
                    if topic := next(topics, None):
                        yield item, topic

    def find(self, command_id: str) -> Expanded | None:
        """The latest entry of a command that told anything new; failing that, the latest one."""
        entries = [entry for entry in reversed(self._entries) if entry.command_id == command_id]
        return next((entry for entry in entries if entry.items), entries[0] if entries else None)

    def _between(self, after: Place, until: Place) -> Iterator[Expanded]:
        first = bisect_right(self._entries, after, key=lambda entry: entry.position.place)
        for entry in islice(self._entries, first, None):
            if entry.position.place > until:
                return
            yield entry
