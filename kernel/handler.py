"""What a worker's loop asks of the code that handles its messages, and what that may answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kernel.ports import Message


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What could not be handled, and why: a message's body or a part of it."""

    body: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """What this replica does not know, to be put back for a newer one: a message's body or a part of it.

    kernel.leaving makes them.
    """

    body: bytes
    # The types that it does not know.
    types: tuple[str, ...]


Unsettled = DeadLetter | Left


class Handler(Protocol):
    """Handles a batch of messages. Must bear repeats and any order.

    Returning promises that everything is done, but for what it answers. Raises StorageUnavailable to
    have the batch again; nothing may be lost by that.
    """

    def __call__(self, messages: Sequence[Message]) -> Sequence[Unsettled]:
        """Handles them all."""
