"""The gate: whether the contracts of a tree may be released after those of the last release."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from dev.schema import baseline, buf, golden, sources
from dev.schema.changes import Change, changes
from dev.schema.compiling import DoesNotCompile
from dev.schema.contracts import Contracts
from dev.schema.findings import Finding
from dev.schema.laws import Step, calls, chains, events, removals, requests, views
from dev.schema.reading import Upcaster

LAWS = (events, removals, calls, requests, views)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check saw. Without findings the tree may be released."""

    findings: list[Finding]
    # None when proto/ does not compile: then there is one finding, and nothing else is known.
    tree: Contracts | None = None
    # None before the first release.
    base: Contracts | None = None
    changes: list[Change] = field(default_factory=list)
    # Golden files that the release will add, by path below schema/golden.
    golden_to_add: dict[str, bytes] = field(default_factory=dict)
    # The upcasters that the tree registers.
    upcasters: list[Upcaster] = field(default_factory=list)


def check(root: Path) -> Checked:
    """Checks a tree against its released baseline. Writes nothing; takes about half a second.

    `root` holds `proto/`, `upcasters/` and `schema/`. Raises only if buf itself cannot be run.
    """
    try:
        tree = sources.current(root)
    except DoesNotCompile as error:
        advice = "make it valid protobuf; a number or name that is reserved is never used again"
        said = str(error).replace(f"{root}/", "")
        return Checked([Finding("compile", "proto/", "proto", said, advice)])
    try:
        base = sources.released(root)
    except DoesNotCompile as error:
        return Checked([_edited(f"the released contracts do not compile: {error}")], tree)
    release = baseline.load(root)
    with ThreadPoolExecutor() as pool:
        # buf and the reader are processes of their own.
        linted = pool.submit(buf.lint, root, tree)
        looked = pool.submit(golden.look, root, tree)
        step = step_of(base, tree, release) if base else None
        broken = compare(root, step) if step else []
    found = [
        *linted.result(),
        *(_of_the_baseline(root, release) if release else []),
        *broken,
        *chains.findings(tree, looked.result().readings),
        *golden.findings(looked.result(), base, release, events.reshaped(step) if step else set()),
    ]
    seen = looked.result()
    return Checked(found, tree, base, step.changes if step else [], seen.missing(), seen.readings.upcasters)


def step_of(base: Contracts, tree: Contracts, release: baseline.Release | None) -> Step:
    """The step from one version to another; names retired before either are the release's."""
    return Step(base, tree, changes(base, tree), frozenset(release.retired if release else ()))


def compare(root: Path, step: Step) -> list[Finding]:
    """What is wrong with a step from one version to another: Prism's laws, then what buf adds to them."""
    ours = [finding for law in LAWS for finding in law.findings(step)]
    return [*ours, *(f for f in buf.breaking(root, step.base, step.tree) if not _told(ours, f))]


def _told(ours: list[Finding], told: Finding) -> bool:
    """Whether one of our laws speaks of the same thing already, and knows better what to do."""
    for finding in ours:
        owner = finding.subject.rpartition(".")[0]
        same = told.subject in (owner, finding.subject) or told.subject.startswith(f"{owner}.")
        early = finding.law in (removals.LAW, removals.RENUMBERED) and "_NO_DELETE" in told.law
        if same and (early or finding.law == events.LAW):
            return True
    return False


def _of_the_baseline(root: Path, release: baseline.Release) -> list[Finding]:
    if baseline.digest_of_contracts(root / baseline.RELEASED) == release.contracts:
        return []
    return [_edited(f"is not what release {release.version} froze")]


def _edited(problem: str) -> Finding:
    advice = "restore schema/ from the release: only `make schema-release` writes it"
    return Finding("baseline", baseline.RELEASED, baseline.RELEASED, problem, advice)
