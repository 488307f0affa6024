"""Policies (process managers): pure `react(event) -> commands`, one function an event."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from google.protobuf.message import Message

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Send:
    """A command that a policy sends, after a delay if there is one (at most 7 days)."""

    command: Message
    delay_s: float = 0


class Policy:
    """Reactions to events, registered by a decorator. Order and repeats of events do not matter to
    one: each reaction sees one event, and its commands' ids derive from the event's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reactions: dict[str, Callable[[Any], Iterable[Send]]] = {}

    def reacts(self, reaction: Function) -> Function:
        """Registers the reaction to the event that the function's first parameter names."""
        event = next(iter(get_type_hints(reaction).values()))
        self.reactions[event.DESCRIPTOR.full_name] = reaction
        return reaction

    def react(self, event: Message) -> list[Send]:
        """The commands that an event leads to; none for an event that it does not know."""
        reaction = self.reactions.get(event.DESCRIPTOR.full_name)
        return list(reaction(event)) if reaction else []
