"""What was accepted is accepted: no rule of a released request gets tighter, no new field is needed."""

from collections.abc import Iterator

from dev.schema import rules
from dev.schema.findings import Finding
from dev.schema.laws import Step

LAW = "released-request"


def findings(step: Step) -> Iterator[Finding]:
    """Rules that would refuse requests which clients of the last release send."""
    asked = step.base.requests
    # Another type has other rules, and is refused as such.
    retyped = {(c.owner, c.part) for c in step.changes if c.thing == "field" and c.text.startswith("type ")}
    for change in step.changes:
        if change.owner not in asked or change.owner not in step.tree.messages:
            continue
        if change.thing == "rule" and change.after and (change.owner, change.part) not in retyped:
            problem = f"the rules of a released request are tighter, {change.text}{_by(asked[change.owner])}"
            advice = (
                "take the new rule back, or let the aggregate reject what it forbids, with a code of its own"
            )
            yield step.refuse(LAW, change.name, problem, advice)
        elif change.thing == "field" and change.kind == "added":
            message = step.tree.messages[change.owner]
            rule = rules.refused_when_absent(step.tree, message, message.fields_by_name[change.part])
            if rule:
                problem = f"requests of the last release do not have the new field, and {rule} refuses them"
                advice = "make it `optional` and drop `required`, so that absent means what it meant before"
                yield step.refuse(LAW, change.name, problem, advice)


def _by(users: set[str]) -> str:
    return f" (sent to {', '.join(sorted(user.rpartition('.')[2] for user in users))})"
