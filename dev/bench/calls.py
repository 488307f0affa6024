"""Storage calls: how many a command costs, by who makes them and of which kind."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dev.bench.subject import NO_COMMANDS, Subject


@dataclass(slots=True)
class Calls:
    """Calls while something was done."""

    commands: int = 0
    # Those that serve commands, for each command.
    per_command: float = 0.0
    # The same, by `<service> <kind>`.
    by_kind: dict[str, float] = field(default_factory=dict)
    # Receives that found nothing, for each command: polls, and rings that came too late.
    empty_receives: float = 0.0


@contextmanager
def counted(subject: Subject) -> Iterator[Calls]:
    """Counts the calls of the block, which sets `commands`. Returns when the stack has come to rest."""
    subject.settle()
    before = subject.calls()
    calls = Calls()
    yield calls
    subject.settle()
    made = subject.calls() - before
    serving = {call: count for call, count in made.items() if _kind(call) not in NO_COMMANDS}
    calls.per_command = round(sum(serving.values()) / calls.commands, 3)
    calls.by_kind = {call: round(count / calls.commands, 4) for call, count in sorted(serving.items())}
    calls.empty_receives = round(_empty(made) / calls.commands, 3)


def _kind(call: str) -> str:
    return call.partition(" ")[2]


def _empty(made: Counter[str]) -> int:
    return sum(count for call, count in made.items() if _kind(call) == "queue.receive.empty")
