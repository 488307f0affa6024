"""Cursors: how far a client has followed the updates, as the `id:` of a message says it.

    5f0c9a1e.1763900000000-0.2    everything up to item 2 of that entry has been seen
    5f0c9a1e.1763900000000-0      all of that entry has been seen (what the edge hands out)

An entry is what one command changed; its items are what clients are told of it.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

# Comes after every item of an entry.
ALL = 1 << 31
_CURSOR = re.compile(r"([0-9A-Za-z]{1,32})\.([0-9]{1,18})-([0-9]{1,18})(?:\.([0-9]{1,9}))?", re.ASCII)


class Place(NamedTuple):
    """A place in the updates of one epoch. Places compare in the order of delivery."""

    # The two parts of the entry's id in Redis; the first is when it was added.
    milliseconds: int
    sequence: int
    # An item's index in its entry.
    item: int = ALL

    @property
    def entry_id(self) -> str:
        """The entry's id in Redis."""
        return f"{self.milliseconds}-{self.sequence}"


@dataclass(frozen=True, slots=True)
class Position:
    """A place and its epoch: places of two epochs do not compare."""

    epoch: str
    place: Place

    def __str__(self) -> str:
        whole = f"{self.epoch}.{self.place.entry_id}"
        return whole if self.place.item == ALL else f"{whole}.{self.place.item}"

    @property
    def id(self) -> str | None:
        """The cursor of a client that has come this far; None where there is nothing to go on from."""
        return str(self) if self.epoch else None


START = Place(0, 0)
# In no epoch: where a cursor leads that is none of ours.
NOWHERE = Position("", START)


def place_of(entry_id: str) -> Place:
    """The place behind all items of an entry."""
    milliseconds, _, sequence = entry_id.partition("-")
    return Place(int(milliseconds), int(sequence))


def parse(cursor: str) -> Position:
    """The position that a client's cursor names; NOWHERE when it is none of ours."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        return NOWHERE
    epoch, milliseconds, sequence, item = match.groups()
    return Position(epoch, Place(int(milliseconds), int(sequence), ALL if item is None else int(item)))
