"""Old events lead to current ones: no gap, no cycle, and every step with its one upcaster."""

from collections.abc import Iterator, Sequence

from dev.schema.contracts import Contracts
from dev.schema.findings import Finding
from dev.schema.reading import Readings, Upcaster

GAP = "upcaster-chain"
MISSING = "upcaster-missing"
WRITE = "write it in upcasters/ and register it in upcasters.ALL (docs/schema.md)"


def findings(tree: Contracts, readings: Readings) -> Iterator[Finding]:
    """What keeps old events from being read as current ones."""
    if readings.error:
        advice = "let `import upcasters` work, with ALL naming every upcaster"
        yield Finding(GAP, "upcasters/", "upcasters", readings.error, advice)
        return
    for event, successor in sorted(tree.events.items()):
        if successor:
            yield from _step(tree, event, successor)
            yield from _upcasters_of(tree, event, successor, readings.upcasters)
    yield from _strays(tree, readings.upcasters)
    yield from _twins(tree)


def _step(tree: Contracts, event: str, successor: str) -> Iterator[Finding]:
    if successor not in tree.events:
        what = "is no event" if successor in tree.messages else "does not exist"
        problem = f"its successor {successor} {what}"
        yield _finding(tree, event, problem, "name an event of the contracts, by its full name")
    elif _aggregate(successor) != _aggregate(event):
        problem = f"its successor {successor} belongs to another aggregate"
        yield _finding(
            tree, event, problem, "an event stays in its stream: put the successor into the same aggregate"
        )
    elif _is_in_a_cycle(tree, event):
        yield _finding(tree, event, "its successors lead back to it", "let the chain end in a current event")


def _is_in_a_cycle(tree: Contracts, event: str) -> bool:
    seen: set[str] = set()
    at = tree.events[event]
    while at and at not in seen:
        seen.add(at)
        at = tree.events.get(at, "")
    return event in seen


def _upcasters_of(
    tree: Contracts, event: str, successor: str, upcasters: Sequence[Upcaster]
) -> Iterator[Finding]:
    taking = [upcaster for upcaster in upcasters if upcaster.takes == event]
    if not taking:
        problem = f"has the successor {successor} and no upcaster to it"
        yield Finding(MISSING, str(tree.places[event]), event, problem, WRITE)
    for upcaster in taking:
        if upcaster.gives != successor:
            problem = (
                f"its upcaster {upcaster.name} gives {upcaster.gives or 'nothing known'}, not {successor}"
            )
            yield _finding(tree, event, problem, f"let it return {successor}, and say so in its annotation")
    if len(taking) > 1:
        problem = f"has {len(taking)} upcasters: {', '.join(upcaster.name for upcaster in taking)}"
        yield _finding(tree, event, problem, "keep one of them: an event is read in one way")


def _strays(tree: Contracts, upcasters: Sequence[Upcaster]) -> Iterator[Finding]:
    for upcaster in upcasters:
        if not tree.events.get(upcaster.takes):
            problem = f"takes {upcaster.takes or 'nothing known'}, which has no successor"
            advice = "name the successor in that event's option, annotate the upcaster, or take it out of upcasters.ALL"
            yield Finding(GAP, "upcasters/", upcaster.name, problem, advice)


def _twins(tree: Contracts) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for event in sorted(name for name, successor in tree.events.items() if not successor):
        other = first.setdefault(event.rpartition(".")[2], event)
        if other != event:
            problem = f"shares its short name with {other}, and both are current"
            advice = f"name it as `successor` in the option of {other} if it is its new shape; else name it otherwise"
            yield _finding(tree, event, problem, advice)


def _aggregate(name: str) -> str:
    return name.split(".")[1]


def _finding(tree: Contracts, event: str, problem: str, advice: str) -> Finding:
    return Finding(GAP, str(tree.places[event]), event, problem, advice)
