"""The ring: the latest entries of one epoch, from which clients that come back are replayed."""

from collections import deque
from collections.abc import Iterator
from enum import StrEnum

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


class Ring:
    """At most `capacity` entries, after a place up to which nothing is known.

    Not for several threads at once.
    """

    def __init__(self, capacity: int, epoch: str, floor: Place) -> None:
        self._capacity = capacity
        self._floor = floor
        self._entries: deque[Expanded] = deque()
        # How far the ring reaches: everything up to here is in it, or was.
        self.end = Position(epoch, floor)

    def append(self, entry: Expanded) -> None:
        """Adds the next entry; past the capacity the oldest one goes."""
        self._entries.append(entry)
        self.end = entry.position
        if len(self._entries) > self._capacity:
            self._floor = self._entries.popleft().position.place

    def is_ahead(self, cursor: Position) -> bool:
        """True when the ring has not come as far as the cursor, or is of another epoch."""
        return cursor.epoch != self.end.epoch or cursor.place > self.end.place

    def refusal(self, cursor: Position) -> Reset | None:
        """Why nothing can be replayed from a cursor; None when all that came after it is here."""
        if self.is_ahead(cursor):
            return Reset.UNKNOWN_CURSOR
        return Reset.TOO_OLD if cursor.place < self._floor else None

    def after(self, place: Place) -> list[Item]:
        """Every item after a place, oldest first. Costs as much as there are."""
        newest_first = [item for item in self._newest_first(place) if item.position.place > place]
        return newest_first[::-1]

    def find(self, command_id: str) -> Expanded | None:
        """The latest entry of a command that told anything new; failing that, the latest one."""
        entries = [entry for entry in reversed(self._entries) if entry.command_id == command_id]
        return next((entry for entry in entries if entry.items), entries[0] if entries else None)

    def _newest_first(self, place: Place) -> Iterator[Item]:
        for entry in reversed(self._entries):
            if entry.position.place <= place:
                return
            yield from reversed(entry.items)
