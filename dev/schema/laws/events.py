"""A released event never changes shape or meaning, and never disappears: streams hold it for ever.

What an event is made of is part of its shape: a field more in a `Line` is a field more in every stored order.
"""

from collections.abc import Iterator
from itertools import groupby

from dev.schema.changes import Change
from dev.schema.findings import Finding
from dev.schema.laws import Step

LAW = "released-event"
NEW_SHAPE = (
    "put it back as it was released; a new shape is a new message in the next package, named as `successor` "
    "in this one's option, with an upcaster (docs/schema.md)"
)


def findings(step: Step) -> Iterator[Finding]:
    """What changed about released events that must not."""
    frozen = frozen_parts(step)
    for change in step.changes:
        if change.thing == "event" and change.owner in step.base.events:
            yield from _option(step, change)
        elif change.thing in ("message", "enum") and change.kind == "removed" and change.owner in frozen:
            yield step.refuse(LAW, change.owner, _gone(step, change, frozen[change.owner]), NEW_SHAPE)
    shapes = [
        c
        for c in step.changes
        if c.thing in ("field", "value") and c.owner in frozen and c.kind != "deprecated"
    ]
    for name, parts in groupby(shapes, key=lambda change: change.name):
        changed = list(parts)
        problem = "; ".join(_told(change) for change in changed) + _used(changed[0].owner, frozen)
        yield step.refuse(LAW, name, problem, NEW_SHAPE)


def reshaped(step: Step) -> set[str]:
    """The released events whose shape changed, themselves or in what they are made of."""
    frozen = frozen_parts(step)
    return {
        event
        for change in step.changes
        if change.thing in ("field", "value", "message", "enum") and change.kind != "deprecated"
        for event in frozen.get(change.owner, ())
    }


def frozen_parts(step: Step) -> dict[str, set[str]]:
    """Every message and enum that a released event is made of, with the events that it is part of."""
    return step.base.users({name: step.base.messages[name] for name in step.base.events})


def _option(step: Step, change: Change) -> Iterator[Finding]:
    if change.after is None:
        if change.owner in step.tree.messages:
            problem = "is an event of the last release and has no (prism.options.v1.event) any more"
            yield step.refuse(
                LAW, change.owner, problem, "put the option back: stored streams hold this event"
            )
    elif change.before:
        problem = f"the successor of a released event changed: {change.text}"
        advice = (
            f"put {change.before} back: its stored events are read on that way; let that one have a successor"
        )
        yield step.refuse(LAW, change.owner, problem, advice)


def _gone(step: Step, change: Change, users: set[str]) -> str:
    short = change.owner.rpartition(".")[2]
    moved = [
        name
        for name in step.tree.messages
        if name.rpartition(".")[2] == short and name not in step.base.messages
    ]
    hint = f"; {moved[0]} is another type to everybody who reads its stored name" if moved else ""
    if change.owner in step.base.events:
        return f"is an event of the last release and is gone: stored streams hold it for ever{hint}"
    return f"is gone, and released events are made of it: {_some(users)}{hint}"


def _told(change: Change) -> str:
    thing = "field" if change.thing == "field" else "value"
    if change.kind == "added":
        return f"new {thing} `{change.text}` in a released shape"
    if change.kind == "removed":
        return f"{thing} `{change.text}` is gone from a released shape"
    return f"{thing} of a released shape changed: {change.text}"


def _used(owner: str, frozen: dict[str, set[str]]) -> str:
    others = frozen[owner] - {owner}
    return f" (part of {_some(others)})" if others else ""


def _some(names: set[str]) -> str:
    first, *rest = sorted(names)
    return f"{first} and {len(rest)} more" if rest else first
