"""Aggregates as deciders: `decide(state, command, about) -> events`, `evolve(state, event) -> state`.

Both are pure: what they need of the world comes in as arguments.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_type_hints

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

S = TypeVar("S")
Function = TypeVar("Function", bound=Callable[..., Any])
# Which other streams a decision reads: `(state, command) -> streams`.
Reads = Callable[[Any, Any], Iterable[str]]


@dataclass(frozen=True, slots=True)
class About:
    """What a decision may know beside the state and the command."""

    # Who sent the command, and with which roles.
    subject: str
    roles: frozenset[str]
    # When it is decided.
    time: Timestamp
    # The states of the streams that the decision said it reads.
    others: Mapping[str, object] = field(default_factory=dict)

    def read(self, aggregate: "Aggregate[S]", key: str) -> S:
        """The state of another aggregate's stream; KeyError for one that `reads` did not name."""
        return self.others[f"{aggregate.name}-{key}"]  # type: ignore[return-value] # the stream's name gives the type


class Aggregate(Generic[S]):
    """A decider: the decisions and evolutions of one kind of stream, registered by decorators."""

    def __init__(self, name: str, initial: S) -> None:
        self.name = name
        self.initial = initial
        self.decisions: dict[str, Callable[[S, Any, About], Iterable[Message]]] = {}
        self.evolutions: dict[str, Callable[[S, Any], S]] = {}
        self._reads: dict[str, Reads] = {}

    def decides(self, *, reads: Reads | None = None) -> Callable[[Function], Function]:
        """Registers the decision on the command that the function's second parameter names.

        It answers the events that happen, in order, or raises Rejected. `reads` names the streams
        whose states it wants in `about`: as the store had them when the batch began, or as they are in
        the cache of a domain_svc that is alone.
        """

        def register(decision: Function) -> Function:
            command = _second_parameter(decision)
            self.decisions[command] = decision
            if reads:
                self._reads[command] = reads
            return decision

        return register

    def evolves(self, evolution: Function) -> Function:
        """Registers how the event that the function's second parameter names changes the state.

        It never fails: what happened, happened.
        """
        self.evolutions[_second_parameter(evolution)] = evolution
        return evolution

    def decide(self, state: S, command: Message, about: About) -> list[Message]:
        """The events that the command leads to. Rejected when it breaks a rule."""
        return list(self.decisions[command.DESCRIPTOR.full_name](state, command, about))

    def evolve(self, state: S, event: Message) -> S:
        """The state after an event."""
        return self.evolutions[event.DESCRIPTOR.full_name](state, event)

    def reads(self, state: S, command: Message) -> list[str]:
        """The other streams that the decision on this command reads."""
        reads = self._reads.get(command.DESCRIPTOR.full_name)
        return list(reads(state, command)) if reads else []


def _second_parameter(function: Callable[..., Any]) -> str:
    """The full protobuf name of the message type that annotates a function's second parameter."""
    hints = [hint for name, hint in get_type_hints(function).items() if name != "return"]
    return hints[1].DESCRIPTOR.full_name  # type: ignore[no-any-return] # hints are untyped
