"""The baseline: the contracts as they were last released, frozen in `schema/`.

`schema/released/` is a copy of `proto/` at the release. It is text on purpose: the release's pull request
shows what is frozen in the language that it is written in, and `diff -r schema/released proto` works. It lies
outside `proto/` so that nothing compiles it by accident.

`schema/release.json` names the version, the digest of the copy and of every golden file, and the names
that were retired and never come back.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SCHEMA = "schema"
RELEASED = "schema/released"
MANIFEST = "schema/release.json"


@dataclass(frozen=True, slots=True)
class Release:
    """What the last release froze."""

    version: str
    # SHA-256 of the released contracts, all of them together.
    contracts: str
    # SHA-256 of every golden file, by its path below schema/golden.
    golden: Mapping[str, str] = field(default_factory=dict)
    # Full names of messages, enums and rpcs that earlier releases had.
    retired: tuple[str, ...] = ()


def load(root: Path) -> Release | None:
    """The last release; None before the first."""
    path = root / MANIFEST
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    return Release(stored["version"], stored["contracts"], stored["golden"], tuple(stored["retired"]))


def save(root: Path, release: Release) -> None:
    """Writes the manifest, in an order that diffs well."""
    stored = {
        "version": release.version,
        "contracts": release.contracts,
        "retired": sorted(release.retired),
        "golden": dict(sorted(release.golden.items())),
    }
    (root / MANIFEST).write_text(json.dumps(stored, indent=2) + "\n")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest_of_contracts(folder: Path) -> str:
    """SHA-256 of the names and digests of all contracts below a folder."""
    lines = [
        f"{digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in sorted(folder.rglob("*.proto"))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
