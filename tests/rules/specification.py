"""given(events).when(command).then(events): how the rules of an aggregate are told."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kernel.aggregate import About, Aggregate
from kernel.errors import Rejected

NOON = Timestamp(seconds=1_790_000_000)


def state_after(aggregate: Aggregate[Any], *events: Message) -> Any:  # noqa: ANN401 # each aggregate has its own type of state
    """What an aggregate comes to by these events."""
    state = aggregate.initial
    for event in events:
        state = aggregate.evolve(state, event)
    return state


@dataclass
class Decision:
    """One decision and what is expected of it."""

    aggregate: Aggregate[Any]
    state: Any
    command: Message
    about: About

    def then(self, *events: Message) -> None:
        """Exactly these events happen."""
        assert self.aggregate.decide(self.state, self.command, self.about) == list(events)

    def rejected(self, code: str) -> None:
        """It breaks the rule of that code."""
        with pytest.raises(Rejected) as rejection:
            self.aggregate.decide(self.state, self.command, self.about)
        assert rejection.value.code == code
        assert rejection.value.detail


@dataclass
class Given:
    """A stream with a past."""

    aggregate: Aggregate[Any]
    events: tuple[Message, ...]
    others: dict[str, Any] = field(default_factory=dict)

    def beside(self, aggregate: Aggregate[Any], key: str, *events: Message) -> "Given":
        """Another stream with a past of its own."""
        self.others[f"{aggregate.name}-{key}"] = state_after(aggregate, *events)
        return self

    def when(self, command: Message, by: str = "alice", roles: tuple[str, ...] = ("shopper",)) -> Decision:
        """A command is decided."""
        state = state_after(self.aggregate, *self.events)
        reads = {name: self.others[name] for name in self.aggregate.reads(state, command)}
        return Decision(self.aggregate, state, command, About(by, frozenset(roles), NOON, reads))


def given(aggregate: Aggregate[Any], *events: Message) -> Given:
    """A stream of an aggregate with these events."""
    return Given(aggregate, events)
