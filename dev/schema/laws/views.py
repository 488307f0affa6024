"""Views keep their names, topics and owners: queries, streams and their subscribers know them."""

from collections.abc import Iterator

from dev.schema.changes import Change
from dev.schema.contracts import deprecated
from dev.schema.findings import Finding
from dev.schema.laws import Step


def findings(step: Step) -> Iterator[Finding]:
    """What changed about released views that their readers rely on."""
    for change in step.changes:
        if change.owner not in step.base.views or deprecated(step.base.messages[change.owner]):
            continue
        problem = _problem(change)
        if problem and change.owner in step.tree.messages:
            advice = (
                "put it back; add another view beside it, and deprecate this message once nobody reads it"
            )
            yield step.refuse("released-view", change.owner, problem, advice)


def _problem(change: Change) -> str:
    if change.thing == "view" and change.kind == "removed":
        return f"the released view {change.part!r} is gone: queries and streams name it"
    if change.thing == "option" and change.part.endswith(".topics"):
        lost = [topic for topic in change.before or () if topic not in (change.after or ())]
        return f"subscribers of {', '.join(lost)} would hear nothing any more" if lost else ""
    if change.thing == "option" and change.part.endswith(".owner_field"):
        return f"other people would see the rows of the released {change.part}: {change.text}"
    return ""
