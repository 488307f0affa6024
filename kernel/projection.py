"""Projections: pure `(view, event, about) -> view`, one function an event, and which row it changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_type_hints

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

V = TypeVar("V", bound=Message)
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a projection may know of an event beside its fields."""

    stream: str
    version: int
    time: Timestamp


class Projection(Generic[V]):
    """Keeps one view of the contract up to date.

    `row` answers the partition and key of the row that an event belongs to, or None when it
    concerns no row. The same event must always answer the same.
    """

    def __init__(self, view: str, message: type[V], row: Callable[[Any], tuple[str, str] | None]) -> None:
        self.view = view
        self.message = message
        self.row = row
        self.handlers: dict[str, Callable[[V, Any, Recorded], V]] = {}
        self.unshown: frozenset[str] = frozenset()

    def projects(self, handler: Function) -> Function:
        """Registers how the event that the function's second parameter names changes the view.

        The view given is the handler's own to change; for the first event of a row it is empty.
        """
        hints = [hint for name, hint in get_type_hints(handler).items() if name != "return"]
        self.handlers[hints[1].DESCRIPTOR.full_name] = handler
        return handler

    def leaves(self, *events: type[Message]) -> None:
        """Says of events of the view's aggregates that they show nothing in it but its version."""
        self.unshown |= {event.DESCRIPTOR.full_name for event in events}

    def apply(self, view: V, event: Message, recorded: Recorded) -> V:
        """The view after an event."""
        handler = self.handlers.get(event.DESCRIPTOR.full_name)
        return handler(view, event, recorded) if handler else view
