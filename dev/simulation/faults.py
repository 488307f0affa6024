"""What goes wrong, and when: drawn by the seed, or as a script says, which is how a failure is shrunk."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dev.simulation.world import Actor


class Fault(StrEnum):
    """What can happen to one call of a service to storage or Redis."""

    REFUSED = "refused, without effect"
    LOST = "took effect, the answer was lost"
    PARTIAL = "took effect in part, then failed"
    TWICE = "took effect twice: the client's library repeated it"
    SLOW = "slow to take effect"
    LATE = "took effect, the answer came late"
    EARLY = "the messages become visible again early"
    DIED_BEFORE = "the process died before it took effect"
    DIED_AFTER = "the process died after it took effect"
    FROZEN = "the process stood still for a while"
    FLUSHED = "slow to take effect, and Redis lost its memory meanwhile"


class Weather(StrEnum):
    """What can happen to a whole part of the system, for a while."""

    REDIS_GONE = "Redis is out of reach"
    REDIS_FLUSHED = "Redis lost its memory"
    REDIS_RESTARTED = "Redis is out of reach, and comes back empty"
    REDIS_OUTLIVES = "Redis is out of reach; it comes back when all projectors have been killed"
    STORAGE_GONE = "storage refuses everything"
    PAUSED = "a consumer is paused"
    READER_PAUSED = "a reader of the updates is paused"
    KILLED = "a process is killed"


ALWAYS_POSSIBLE = frozenset(set(Fault) - {Fault.PARTIAL, Fault.TWICE, Fault.EARLY, Fault.FLUSHED})
# How long the slow are slow, in seconds: from a moment to beyond a message's visibility timeout.
DELAYS_S = (0.2, 2.0, 11.0, 35.0, 70.0)


@dataclass(frozen=True, slots=True)
class Spell:
    """One spell of weather."""

    kind: Weather
    after_s: float
    lasts_s: float
    # Chooses among those that it can befall.
    luck: float


# Names a call of an actor.
Place = tuple[str, int]


@dataclass(slots=True)
class Injected:
    """A fault that was injected."""

    place: Place
    fault: Fault


@dataclass(slots=True)
class Faults:
    """Decides on the fault of every call, and keeps what it decided."""

    seed: str
    rates: Mapping[Fault, float]
    # Injects exactly these, instead of chance.
    script: Mapping[Place, Fault] | None = None
    injected: list[Injected] = field(default_factory=list)
    # No fault is injected once this is False.
    active: bool = True
    _dice: dict[str, random.Random] = field(default_factory=dict)

    def of_call(self, actor: Actor, possible: frozenset[Fault]) -> Fault | None:
        """The fault of the call that an actor makes now."""
        actor.calls += 1
        if not self.active:
            return None
        place = (actor.name, actor.calls)
        if self.script is not None:
            fault = self.script.get(place)
            fault = fault if fault in possible else None
        else:
            fault = self._draw(actor.name, possible)
        if fault:
            self.injected.append(Injected(place, fault))
        return fault

    def luck(self, actor: Actor) -> random.Random:
        """The details of the fault of an actor's present call: the same whatever happened before."""
        return random.Random(f"{self.seed}/{actor.name}/{actor.calls}")  # noqa: S311 # chance, not a secret

    def _draw(self, name: str, possible: frozenset[Fault]) -> Fault | None:
        dice = self._dice.get(name)
        if dice is None:
            dice = self._dice[name] = random.Random(f"{self.seed}/faults/{name}")  # noqa: S311 # the same
        drawn = dice.random()
        for fault, rate in self.rates.items():
            if drawn < rate:
                return fault if fault in possible else None
            drawn -= rate
        return None


def draw_rates(dice: random.Random) -> dict[Fault, float]:
    """How often each fault befalls a call. A run has some of them often rather than all of them rarely."""
    if dice.random() < 0.05:
        return {}
    chosen = [fault for fault in Fault if dice.random() < 0.5]
    scale = dice.choice((0.01, 0.03, 0.06))
    return {fault: scale * dice.uniform(0.2, 1) * _SHARE.get(fault, 1.0) for fault in chosen}


# A death or a standstill disturbs more than a lost answer; a flush makes good what went wrong before it.
_SHARE = {
    Fault.DIED_BEFORE: 0.3,
    Fault.DIED_AFTER: 0.3,
    Fault.FROZEN: 0.3,
    Fault.LATE: 0.5,
    Fault.SLOW: 0.5,
    Fault.FLUSHED: 2.0,
}


def draw_weather(dice: random.Random, lasts_s: float) -> list[Spell]:
    """The spells of a run whose clients are at it for about that long."""
    kinds: Iterable[Weather] = [kind for kind in Weather if dice.random() < 0.3]
    return sorted(
        (
            Spell(
                kind,
                dice.uniform(0, dice.choice((5.0, lasts_s))),
                dice.choice((0.5, 3.0, 20.0, 60.0)),
                dice.random(),
            )
            for kind in kinds
            for _ in range(dice.randint(1, 3))
        ),
        key=lambda spell: spell.after_s,
    )
