"""Golden bytes: one stored event of every version that was ever released, and what it reads as.

schema/golden/<event>/event.binpb           the event as a stream holds it
schema/golden/<event>/<shape>.json          what it reads as in its own shape and in each of its successors'

A released file never changes. When a chain gets longer, a file for the new shape comes beside the others,
which go on being checked: the step that was released still gives what it gave.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.schema import baseline
from dev.schema.contracts import Contracts
from dev.schema.findings import Finding
from dev.schema.reading import Reading, Readings, read
from dev.schema.samples import sample

FOLDER = "schema/golden"
LAW = "golden-bytes"
RESTORE = "restore the file from the release; an event that reads otherwise is a new shape with an upcaster of its own"


@dataclass(frozen=True, slots=True)
class Golden:
    """What the tree's golden files are, and what the tree makes of them."""

    root: Path
    readings: Readings
    # The bytes of every event: its golden ones, or a sample where it has none yet.
    stored: dict[str, bytes]

    def missing(self) -> dict[str, bytes]:
        """The files that are still to be written, by path below schema/golden."""
        files: dict[str, bytes] = {}
        for name, data in self.stored.items():
            reading = self.readings.events.get(name, Reading())
            wanted = {f"{name}/event.binpb": data}
            wanted |= {f"{name}/{shape}.json": _text(told) for shape, told in reading.shapes.items()}
            files |= {path: content for path, content in wanted.items() if not self.path(path).exists()}
        return files

    def path(self, name: str) -> Path:
        """A golden file."""
        return self.root / FOLDER / name


def look(root: Path, tree: Contracts) -> Golden:
    """Reads every event of the tree, through the tree's upcasters."""
    stored = {}
    for name in sorted(tree.events):
        path = root / FOLDER / name / "event.binpb"
        stored[name] = path.read_bytes() if path.exists() else sample(tree, tree.messages[name])
    return Golden(root, read(root, tree.image, tree.events, stored), stored)


def write(golden: Golden) -> list[Path]:
    """Writes what is missing; changes nothing that is there."""
    written = []
    for name, content in golden.missing().items():
        path = golden.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)
    return written


def digests(root: Path) -> dict[str, str]:
    """SHA-256 of every golden file, by path below schema/golden."""
    folder = root / FOLDER
    return {
        path.relative_to(folder).as_posix(): baseline.digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def findings(
    golden: Golden, base: Contracts | None, release: baseline.Release | None, reshaped: set[str]
) -> Iterator[Finding]:
    """Golden files that changed or are gone, and stored events that do not read as they did.

    An event that is itself not what it was (`reshaped`) is refused as such, and cannot read as it did.
    """
    touched = list(_touched(golden.root, release)) if release else []
    yield from touched
    said = reshaped | {finding.subject for finding in touched}
    released = set(base.events) if base else set()
    if not golden.readings.error:
        for name in sorted(golden.stored.keys() - said):
            yield from _missing(golden, name, released)
            yield from _read_otherwise(golden, name)


def _missing(golden: Golden, name: str, released: set[str]) -> Iterator[Finding]:
    shapes = golden.readings.events.get(name, Reading()).shapes
    wanted = [f"{name}/event.binpb", *(f"{name}/{shape}.json" for shape in shapes if shape in released)]
    for path in wanted if name in released else []:
        if not golden.path(path).exists():
            yield _finding(path, "a released event has no such golden file", RESTORE)


def _touched(root: Path, release: baseline.Release) -> Iterator[Finding]:
    now = digests(root)
    for path, frozen in release.golden.items():
        if path not in now:
            yield _finding(path, f"a golden file of release {release.version} is gone", RESTORE)
        elif now[path] != frozen:
            yield _finding(path, f"a golden file of release {release.version} was altered", RESTORE)


def _read_otherwise(golden: Golden, name: str) -> Iterator[Finding]:
    reading = golden.readings.events.get(name, Reading(error="was not read"))
    path = golden.path(f"{name}/event.binpb")
    if reading.error:
        stored = "its golden bytes do" if path.exists() else "a sample of it does"
        advice = "let its upcasters read whatever was stored in the old shape"
        yield _finding(f"{name}/event.binpb", f"{stored} not read: {reading.error}", advice)
    for shape, told in reading.shapes.items():
        expected = golden.path(f"{name}/{shape}.json")
        if expected.exists() and (difference := _difference(expected, told)):
            yield _finding(f"{name}/{shape}.json", f"stored bytes read otherwise: {difference}", RESTORE)


def _difference(expected: Path, told: object) -> str:
    try:
        before = json.loads(expected.read_text())
    except ValueError:
        return "the file is no JSON"
    if before == told or not isinstance(told, dict) or not isinstance(before, dict):
        return "" if before == told else f"{before} -> {told}"
    keys = sorted(key for key in before.keys() | told.keys() if before.get(key) != told.get(key))
    return "; ".join(f"{key}: {before.get(key)!r} -> {told.get(key)!r}" for key in keys)


def _text(told: object) -> bytes:
    return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()


def _finding(path: str, problem: str, advice: str) -> Finding:
    return Finding(LAW, f"{FOLDER}/{path}", path.partition("/")[0], problem, advice)
