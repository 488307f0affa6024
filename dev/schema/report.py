"""The report: what a change of the contracts is, for whom, and whether it may be released. Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.schema import baseline, openapi, sources
from dev.schema.audience import Audience, audiences
from dev.schema.changes import Change
from dev.schema.check import Checked, check, compare, step_of
from dev.schema.contracts import Contracts
from dev.schema.findings import Finding, count
from dev.schema.laws import chains

COMPATIBLE, UPCASTER, BREAKING = "compatible", "needs an upcaster", "breaking"


@dataclass(frozen=True, slots=True)
class Reported:
    """A report's facts."""

    # What the gate says, which compares with the release.
    checked: Checked
    base: Contracts
    changes: list[Change]
    # What is wrong against the base that was asked for, where that is not the release.
    against_base: list[Finding]

    @property
    def verdict(self) -> str:
        """In two words."""
        return verdict([*self.checked.findings, *self.against_base])


def verdict(findings: list[Finding]) -> str:
    """What the findings come to."""
    if not findings:
        return COMPATIBLE
    return UPCASTER if all(finding.law == chains.MISSING for finding in findings) else BREAKING


def gather(root: Path, base: str = "") -> Reported | None:
    """The facts, against the release or whatever `base` names. None while nothing compiles or was released.

    NoSuchBase if nothing has that name.
    """
    checked = check(root)
    if checked.tree is None:
        return None
    if not base:
        return Reported(checked, checked.base, checked.changes, []) if checked.base else None
    other = sources.named(root, base)
    step = step_of(other, checked.tree, baseline.load(root))
    return Reported(checked, other, step.changes, compare(root, step))


def report(root: Path, base: str = "") -> str:
    """The report, for a review."""
    told = gather(root, base)
    if told is None:
        findings = check(root).findings
        return (
            "\n".join(["# Schema report", "", *(_reasons(findings) or ["Nothing is released yet."])]) + "\n"
        )
    return "\n".join(_lines(told)) + "\n"


def _lines(told: Reported) -> Iterator[str]:
    checked, tree = told.checked, told.checked.tree
    assert tree is not None  # there is no report without
    yield f"# Schema report: against {told.base.label}"
    yield ""
    yield f"**Verdict: {told.verdict}.** {count(told.changes, 'change')}. {_gate(checked)}"
    yield from _section("Why not", _reasons(checked.findings))
    beside = [finding for finding in told.against_base if finding not in checked.findings]
    yield from _section(f"Breaking against {told.base.label} alone", _reasons(beside))
    concerned = [(change, audiences(change, told.base, tree)) for change in told.changes]
    for audience in Audience:
        lines = [_line(change, tree) for change, those in concerned if audience in those]
        yield from _section(audience.value, lines)
    yield from _section("OpenAPI", list(_openapi(told.base, tree)) if told.changes else [])
    yield from _section("Upcasters", list(_upcasters(told)))
    yield from _section("Golden bytes to add", _golden(checked))
    yield from _section("To know before rolling out", list(_notes(told.changes, tree)))


def _gate(checked: Checked) -> str:
    release = f"release {checked.base.label}" if checked.base else "nothing, for nothing is released"
    passed = "passes" if not checked.findings else f"has {count(checked.findings, 'finding')}"
    return f"`make schema-check`, which compares with {release}, {passed}."


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"## {title}", "", *lines] if lines else []


def _reasons(findings: list[Finding]) -> list[str]:
    return [f"- `{f.subject}` ({f.where}): {f.problem}. **{f.law}** → {f.advice}" for f in findings]


def _line(change: Change, tree: Contracts) -> str:
    what: str = {"event": "event option", "rule": "validation rule"}.get(change.thing, change.thing)
    if change.thing == "message" and change.owner in tree.events:
        what = "event"
    part = f" `{change.part}` of" if change.thing in ("option", "view") else ""
    text = f": {change.text}" if change.text else ""
    return f"- **{change.kind}** {what}{part} `{change.name}`{text}"


def _openapi(base: Contracts, tree: Contracts) -> Iterator[str]:
    try:
        found = list(openapi.differences(openapi.describe(base.image), openapi.describe(tree.image)))
    except openapi.NotDescribed as error:
        found = [f"- not compared: today's edge cannot describe both versions ({error})"]
    yield from found or ["- nothing that a client of the REST API sees"]


def _upcasters(told: Reported) -> Iterator[str]:
    tree = told.checked.tree
    assert tree is not None  # there is no report without
    for change in told.changes:
        if change.thing == "event" and change.after:
            step = f"`{change.owner}` → `{change.after}`"
            names = [
                u.name for u in told.checked.upcasters if (u.takes, u.gives) == (change.owner, change.after)
            ]
            yield f"- {step}: `{names[0]}`" if names else f"- {step}: **missing**; write it in `upcasters/`"


def _golden(checked: Checked) -> list[str]:
    if not checked.golden_to_add:
        return []
    how = "`make schema-golden` writes them; bytes of a real stream, put there before, are kept."
    return [how, "", *(f"- `schema/golden/{path}`" for path in sorted(checked.golden_to_add))]


def _notes(changes: list[Change], tree: Contracts) -> Iterator[str]:
    for change in changes:
        if change.kind != "added":
            continue
        if change.thing == "message" and change.owner in tree.events:
            yield f"- `{change.owner}` is left, visibly, by replicas of the old release for those of the new one."
        elif change.thing == "value":
            yield f"- `{change.name}` is a bare number to whoever has the old release: clients, and old replicas."
        elif change.thing == "field" and change.owner in tree.messages:
            oneof = tree.messages[change.owner].fields_by_name[change.part].containing_oneof
            if oneof is not None and len(oneof.fields) > 1:
                yield f"- `{change.name}` is a new choice of a oneof: an old replica sees none set. Write it a release later."
