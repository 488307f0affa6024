"""Whatever goes was deprecated in a release before, and never comes back as something else.

In a rolling upgrade the old release still writes it, and clients of the old release still ask for it: one
release says that it will go, the next one takes it away. Numbers and names are reserved, which buf checks.
"""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, EnumDescriptor

from dev.schema.changes import Change
from dev.schema.contracts import deprecated
from dev.schema.findings import Finding
from dev.schema.laws import Step
from dev.schema.laws.events import frozen_parts

LAW = "deprecate-first"
RENUMBERED = "renumbered"


def findings(step: Step) -> Iterator[Finding]:
    """What is gone too early, renumbered, or back from an earlier release."""
    frozen = frozen_parts(step)
    for change in step.changes:
        if change.owner in frozen:
            continue
        if change.kind == "removed":
            yield from _removed(step, change)
        elif change.kind == "added" and change.owner in step.retired and not change.part:
            advice = "choose another name: queues and clients may still hold the old one's meaning"
            yield step.refuse(
                "retired-name", change.owner, "had another meaning in an earlier release", advice
            )
        elif change.thing in ("field", "value") and change.text.startswith("number "):
            advice = "put the number back; bytes in queues and rows carry it. What is new takes a new number"
            yield step.refuse(
                RENUMBERED, change.name, f"released {change.thing} changed: {change.text}", advice
            )
        elif change.thing == "extension" and change.kind == "changed":
            advice = "put it back: contracts that were compiled before are read by it"
            yield step.refuse(
                "option-changed", change.owner, f"released option changed: {change.text}", advice
            )


def _removed(step: Step, change: Change) -> Iterator[Finding]:
    if change.thing in ("message", "enum"):
        if not _may_go(step, change.owner):
            advice = "put it back with `option deprecated = true;`, release that, and take it away in the release after"
            yield step.refuse(
                LAW, change.owner, f"released {change.thing} is gone and was not deprecated", advice
            )
    elif change.thing == "rpc":
        if not deprecated(step.base.methods[change.owner]):
            advice = "put it back with `option deprecated = true;`, release that, and take it away in the release after"
            yield step.refuse(LAW, change.owner, "released rpc is gone and was not deprecated", advice)
    elif change.thing == "extension":
        advice = "put it back: contracts that were compiled before are read by it"
        yield step.refuse("option-changed", change.owner, "released option is gone", advice)
    elif change.thing in ("field", "value") and not _was_deprecated(step, change):
        advice = (
            "put it back with `[deprecated = true]`, release that, and in the release after take it away and "
            "reserve its number and its name"
        )
        problem = f"released {change.thing} `{change.text}` is gone and was not deprecated"
        yield step.refuse(LAW, change.name, problem, advice)


def _may_go(step: Step, name: str) -> bool:
    """A type may go if it was deprecated, belongs to a deprecated rpc alone, or goes with the one around it."""
    gone: Descriptor | EnumDescriptor = step.base.messages.get(name) or step.base.enums[name]
    around = gone.containing_type
    if around is not None and around.full_name not in step.tree.messages:
        return True
    users = [
        m for m in step.base.methods.values() if name in (m.input_type.full_name, m.output_type.full_name)
    ]
    return deprecated(gone) or (bool(users) and all(deprecated(method) for method in users))


def _was_deprecated(step: Step, change: Change) -> bool:
    if change.thing == "field":
        return deprecated(step.base.messages[change.owner].fields_by_name[change.part])
    value = step.base.enums[change.owner].values_by_name[change.part]
    return bool(value.GetOptions().deprecated)
