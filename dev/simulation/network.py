"""Every call of a service to storage or Redis: it takes time, and what the faults say happens to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from dev.simulation.faults import ALWAYS_POSSIBLE, DELAYS_S, Fault, Faults
from dev.simulation.world import Killed, World
from kernel.errors import EffectUnknown, StorageUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

# An error, made of whether there may have been an effect.
Failure = Callable[[bool], Exception]

MEAN_LATENCY_S = 0.004
# Of calls with many items: how often the items take effect one by one, while others look on.
ONE_BY_ONE = 0.2
MANY = ALWAYS_POSSIBLE | {Fault.PARTIAL}


class Entry(NamedTuple):
    """A line of the history."""

    at: float
    actor: str
    what: str
    fault: str


@dataclass(slots=True)
class Network:
    """Between the services and a thing that they call. `history` is kept where somebody wants to read it."""

    world: World
    faults: Faults
    history: list[Entry] | None = None
    # Why every call is refused now: nothing in here lets them through.
    gone: set[int] = field(default_factory=set)
    # Has what is called lose its memory.
    flush: Callable[[], None] = field(default=lambda: None)
    calls: int = 0
    # Calls that went wrong in any way.
    troubles: int = 0

    def call(
        self,
        what: Callable[[], str],
        effect: Callable[[], Result],
        failure: Failure,
        possible: frozenset[Fault] = ALWAYS_POSSIBLE,
    ) -> Result:
        """One call with one effect. Raises `failure(whether it may have taken effect)`."""
        return self._call(what, effect, failure, possible, effect)

    def call_many(
        self,
        what: Callable[[], str],
        items: Sequence[Item],
        effect: Callable[[Item], Result],
        failure: Failure,
        possible: frozenset[Fault] = MANY,
    ) -> list[Result]:
        """One call with an effect an item, each atomic on its own."""

        def all_of_them() -> list[Result]:
            results = []
            scattered = len(items) > 1 and self.world.current.dice.random() < ONE_BY_ONE
            for item in items:
                if scattered:
                    self.world.sleep(self.world.current.dice.expovariate(1 / MEAN_LATENCY_S))
                results.append(effect(item))
            return results

        def some_of_them() -> None:
            luck = self.faults.luck(self.world.current)
            for item in items:
                if luck.random() < 0.5:
                    effect(item)

        return self._call(what, all_of_them, failure, possible, some_of_them)

    def note(self, what: str, fault: str = "") -> None:
        """Adds a line to the history, in the name of whoever runs."""
        if self.history is not None:
            self.history.append(Entry(self.world.now, self.world.current.name, what, fault))

    def _call(
        self,
        what: Callable[[], str],
        effect: Callable[[], Result],
        failure: Failure,
        possible: frozenset[Fault],
        part: Callable[[], object],
    ) -> Result:
        world, actor = self.world, self.world.current
        self.calls += 1
        fault = self.faults.of_call(actor, possible)
        self.troubles += bool(fault or self.gone)
        delay_s = self.faults.luck(actor).choice(DELAYS_S) if fault else 0.0
        if self.history is not None:
            self.note(what(), fault or "")
        if fault is Fault.FROZEN:
            actor.process.frozen_until = world.now + delay_s
        slow = fault in (Fault.SLOW, Fault.FLUSHED)
        world.sleep(actor.dice.expovariate(1 / MEAN_LATENCY_S) + (delay_s if slow else 0))
        if fault is Fault.DIED_BEFORE:
            self._die()
        if fault is Fault.REFUSED or self.gone:
            raise failure(False)
        if fault is Fault.PARTIAL:
            part()
            raise failure(True)
        if fault is Fault.FLUSHED:
            self.flush()
        result = effect()
        if fault is Fault.TWICE:
            result = effect()
        if fault is Fault.DIED_AFTER:
            self._die()
        if fault is Fault.LOST:
            raise failure(True)
        if fault is Fault.LATE:
            world.sleep(delay_s)
        return result

    def _die(self) -> None:
        self.world.kill(self.world.current.process)
        raise Killed


def failing(call: str) -> Failure:
    """How a call to storage fails."""
    return lambda unknown: (EffectUnknown if unknown else StorageUnavailable)(f"simulated: {call}")
