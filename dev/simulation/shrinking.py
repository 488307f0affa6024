"""Shrinks a run that breaks a promise: less of everything, as long as it still breaks the same one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from dev.simulation.run import Plan, Result, run
from dev.simulation.workload import Action

Part = TypeVar("Part")
BUDGET_S = 30.0
# An action without complications.
PLAIN = {
    "again": 0,
    "twin": False,
    "joined": False,
    "if_match": "",
    "wrong": 0,
    "reused": False,
    "doubled": False,
}


@dataclass(slots=True)
class Shrinking:
    """Tries plans, and keeps the smallest that breaks the promise."""

    best: Plan
    promise: str
    ends_at: float
    tries: int = 0

    def keeps_failing(self, plan: Plan) -> bool:
        """Whether a smaller plan fails in the same way; then it is the best so far."""
        if time.monotonic() > self.ends_at:
            return False
        self.tries += 1
        result = run(plan)
        if not any(broken.promise == self.promise for broken in result.wrong):
            return False
        self.best = plan
        return True

    def without_parts(self, parts: Sequence[Part], made_of: Callable[[Sequence[Part]], Plan]) -> None:
        """Leaves out ever smaller chunks of the parts that a plan is made of."""
        size = max(1, len(parts) // 2)
        while parts:
            place = 0
            while place < len(parts):
                rest = [*parts[:place], *parts[place + size :]]
                if self.keeps_failing(made_of(rest)):
                    parts = rest
                else:
                    place += size
            if size == 1:
                return
            size //= 2


def shrink(failed: Result, budget_s: float = BUDGET_S) -> Plan:
    """The smallest plan found in that time, in which the first promise that was broken still is."""
    promise = failed.wrong[0].promise
    shrinking = Shrinking(failed.plan, promise, time.monotonic() + budget_s)
    # From here on the faults are listed one by one, so that each can be left out.
    script = {item.place: item.fault for item in failed.injected}
    if not shrinking.keeps_failing(replace(failed.plan, rates={}, script=script)):
        return failed.plan
    before = None
    while shrinking.best != before:
        before = shrinking.best
        _once(shrinking)
    return shrinking.best


def with_one(plan: Plan, count: str) -> Plan:
    """The plan with one replica of what is counted."""
    values: dict[str, Any] = {count: 1}
    return replace(plan, **values)


def plainly(action: Action, aspect: str, plain: object) -> Action:
    """The action without one of its complications."""
    values: dict[str, Any] = {aspect: plain}
    return replace(action, **values)


def _once(shrinking: Shrinking) -> None:
    for count in ("projectors", "domains", "streams"):
        best = shrinking.best
        if getattr(best, count) > 1:
            shrinking.keeps_failing(with_one(best, count))
    best = shrinking.best
    shrinking.without_parts(best.spells, lambda spells: replace(best, spells=spells))
    best = shrinking.best
    shrinking.without_parts(best.actions, lambda actions: replace(best, actions=actions))
    best = shrinking.best
    faults = list((best.script or {}).items())
    shrinking.without_parts(faults, lambda kept: replace(best, script=dict(kept)))
    # One by one, what makes an action more than it must be.
    for place in range(len(shrinking.best.actions)):
        for aspect, plain in PLAIN.items():
            actions = list(shrinking.best.actions)
            simple = plainly(actions[place], aspect, plain)
            if simple != actions[place]:
                actions[place] = simple
                shrinking.keeps_failing(replace(shrinking.best, actions=actions))
