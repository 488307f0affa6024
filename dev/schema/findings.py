"""What a check finds: what is wrong, where, and what to do about it."""

from collections.abc import Sized
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to refuse a change."""

    # A short, stable name of the law, or buf's own name of its rule.
    law: str
    # Where to look: a path from the root, with the line if there is one.
    where: str
    # The full name of the message, field, rpc or file.
    subject: str
    problem: str
    # What to do instead.
    advice: str

    def __str__(self) -> str:
        """For a terminal."""
        return f"{self.where}: {self.subject}\n    {self.law}: {self.problem}\n    -> {self.advice}"


def count(things: Sized, name: str) -> str:
    """How many: `1 change`, `2 changes`."""
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
