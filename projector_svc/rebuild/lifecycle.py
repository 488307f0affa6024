"""The life of a generation: what may become of a view's pointer. Each step bears being done again.

        begin            promote           drop              forget
(none) ──────▶ building ────────▶ live        retired ──────▶ dropping ───────▶ (none)
                  │                 └───────────▲                ▲
                  └──────── end ────────────────────────────────┘
"""

from dataclasses import dataclass

from kernel.generations import written
from prism.envelope.v1.envelope_pb2 import Generations

MAX_REASON = 2000


@dataclass(frozen=True, slots=True)
class Work:
    """How far a builder is: a value, so that nobody sees half of a change."""

    after: str = ""
    done: int = 0
    total: int = 0
    rate: float = 0.0
    stamp: str = ""


def work_of(building: Generations.Building) -> Work:
    """How far the last builder was, as it last said."""
    return Work(building.after, building.done, building.total, building.rate, building.stamp)


def begin(generations: Generations, subject: str) -> None:
    """A rebuild begins, unless one runs."""
    if generations.HasField("building"):
        return
    generations.latest = max(generations.latest, generations.live) + 1
    building = generations.building
    building.number, building.subject = generations.latest, subject
    building.started_at.GetCurrentTime()
    building.heartbeat.GetCurrentTime()


def claim(generations: Generations, seen: Generations.Building, builder: str) -> None:
    """A builder takes a rebuild that has not moved since it was seen."""
    if generations.HasField("building") and generations.building == seen:
        generations.building.builder = builder
        generations.building.heartbeat.GetCurrentTime()


def owned(generations: Generations, number: int, builder: str) -> bool:
    """Whether the rebuild of that number is this builder's."""
    building = generations.building
    return generations.HasField("building") and (building.number, building.builder) == (number, builder)


def beat(generations: Generations, number: int, builder: str, work: Work) -> None:
    """The builder lives, and has come this far."""
    if owned(generations, number, builder):
        building = generations.building
        building.heartbeat.GetCurrentTime()
        building.after, building.done, building.total = work.after, work.done, work.total
        building.rate, building.stamp = work.rate, work.stamp


def release(generations: Generations, number: int, builder: str, work: Work) -> None:
    """The builder goes: whoever comes next need not wait for it to fall silent."""
    if owned(generations, number, builder):
        beat(generations, number, builder, work)
        generations.building.builder = ""


def promote(generations: Generations, number: int, builder: str, work: Work) -> None:
    """What this builder has built is read from now on."""
    if owned(generations, number, builder):
        generations.live_events, generations.live_rate = work.total, work.rate
        retired = generations.retired.add(number=generations.live)
        retired.since.GetCurrentTime()
        generations.live = number
        generations.live_since.GetCurrentTime()
        generations.ClearField("building")


def end(generations: Generations, number: int, failure: str) -> None:
    """A rebuild ends without going live. Nobody has read it: it may be dropped."""
    if generations.HasField("building") and generations.building.number == number:
        retired = generations.retired.add(number=number, dropping=True, failure=failure[:MAX_REASON])
        retired.since.GetCurrentTime()
        generations.ClearField("building")


def drop(generations: Generations, number: int) -> None:
    """Nobody reads a retired generation any more: nobody needs to write it."""
    for item in generations.retired:
        if item.number == number:
            item.dropping = True


def gone(generations: Generations) -> list[int]:
    """The numbers that were given out and are forgotten."""
    kept = {*written(generations), *(item.number for item in generations.retired)}
    return [number for number in range(generations.latest + 1) if number not in kept]


def forget(generations: Generations, number: int) -> None:
    """The rows of a retired generation are gone."""
    for place, item in reversed(list(enumerate(generations.retired))):
        if item.number == number:
            del generations.retired[place]
