"""Upcasting: the one place where stored bytes become current events.

An event type with a `successor` in the contract is read through the upcaster of that step, again
and again until the event is current. Handlers, policies and projections see current events only.
"""

from collections.abc import Callable, Iterable
from typing import Any, get_type_hints

from google.protobuf.message import DecodeError, Message

from kernel.contract import Contract
from kernel.errors import Poison, UnknownType
from prism.envelope.v1.envelope_pb2 import Envelope

Upcaster = Callable[[Any], Message]


class EventReader:
    """Reads events out of their envelopes, old ones as current ones."""

    def __init__(self, contract: Contract, upcasters: Iterable[Upcaster]) -> None:
        self._events = contract.events
        self._upcasters = {_first_parameter(upcaster): upcaster for upcaster in upcasters}
        for event in contract.events.values():
            if event.successor and event.type not in self._upcasters:
                raise LookupError(f"{event.type} has a successor and no upcaster to it")

    def read(self, envelope: Envelope) -> Message:
        """The event in its current shape. UnknownType for a type that no contract here knows; Poison for
        bytes that do not decode as their type."""
        known = self._events.get(envelope.type)
        if known is None:
            raise UnknownType(envelope.type, f"no contract here knows the event type {envelope.type!r}")
        try:
            event = known.message.FromString(envelope.data)
        except DecodeError:
            raise Poison(f"event {envelope.id} does not decode as {envelope.type}") from None
        while self._events[event.DESCRIPTOR.full_name].successor:
            event = self._upcasters[event.DESCRIPTOR.full_name](event)
        return event

    def upcast(self, envelope: Envelope) -> Envelope:
        """The envelope with the event in its current shape; the same one if it is current."""
        known = self._events.get(envelope.type)
        if known and not known.successor:
            return envelope
        event = self.read(envelope)
        current = Envelope()
        current.CopyFrom(envelope)
        current.type = event.DESCRIPTOR.full_name
        current.data = event.SerializeToString()
        return current


def _first_parameter(upcaster: Upcaster) -> str:
    return next(iter(get_type_hints(upcaster).values())).DESCRIPTOR.full_name  # type: ignore[no-any-return] # hints are untyped
