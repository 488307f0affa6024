"""Routes, streams and roles of released rpcs stay; an rpc that shall go is deprecated for a release first."""

import re
from collections.abc import Iterator

from dev.schema.changes import Change, route_of
from dev.schema.contracts import Contracts, deprecated
from dev.schema.findings import Finding
from dev.schema.laws import Step

BESIDE = "add a new rpc beside it and mark this one `option deprecated = true;`"


def findings(step: Step) -> Iterator[Finding]:
    """What changed about released rpcs that their callers rely on, and routes that two rpcs claim."""
    for change in step.changes:
        method = step.base.methods.get(change.owner)
        if method is None or change.thing not in ("route", "option") or deprecated(method):
            continue
        problem = _problem(change)
        if problem:
            yield step.refuse("released-call", change.owner, problem, f"put it back, or {BESIDE}")
    yield from _collisions(step)


def _problem(change: Change) -> str:
    """What the change takes from callers; empty if it takes nothing."""
    if change.thing == "route":
        return f"the route of a released rpc changed: {change.text}" if change.before else ""
    if change.kind == "removed":
        return f"released rpc is no {change.part} any more"
    if change.part == "command.stream":
        return f"commands of the last release would be decided by another stream: {change.text}"
    if change.part.endswith(".roles"):
        lost = _lost(change)
        return f"callers lose what they could do: {lost}" if lost else ""
    if change.part == "query.public" and not change.after:
        return "who has no token loses what they could read"
    return ""


def _lost(change: Change) -> str:
    """The roles that may not call any more. Without a role named, a query is anyone's and a command a policy's."""
    before, after = set(change.before or ()), set(change.after or ())
    if change.part == "query.roles":
        if not after:
            return ""
        return ", ".join(sorted(before - after)) if before else f"everyone but {', '.join(sorted(after))}"
    return ", ".join(sorted(before - after))


def _collisions(step: Step) -> Iterator[Finding]:
    claimed: dict[str, str] = {}
    for name, route in sorted(
        _routes(step.tree).items(), key=lambda item: (item[0] not in step.base.methods, item[0])
    ):
        first = claimed.setdefault(route, name)
        if first != name:
            problem = f"claims the route of {first}: {route}"
            yield step.refuse("route-taken", name, problem, "give it a path or a verb of its own")


def _routes(contracts: Contracts) -> dict[str, str]:
    routes = {
        name: route_of(contracts, method).partition(",")[0] for name, method in contracts.methods.items()
    }
    return {name: re.sub(r"{[^}]*}", "{}", route) for name, route in routes.items() if route}
