"""A copy of the contracts, their upcasters and their baseline, to be changed as somebody would change them."""

import shutil
from pathlib import Path

from dev.protos import ROOT
from dev.schema import baseline, sources
from dev.schema.check import Checked, check, compare, step_of
from dev.schema.findings import Finding
from dev.schema.release import release

PARTS = ("proto", "upcasters", "schema")


class Tree:
    """A copy that tests edit."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def copy_from(self, source: Path) -> "Tree":
        for part in PARTS:
            shutil.copytree(source / part, self.root / part, ignore=shutil.ignore_patterns("__pycache__"))
        return self

    def follow(self, source: Path) -> "Tree":
        """Copies the contracts and upcasters; what is released stays the source's, and is only read."""
        for part in ("proto", "upcasters"):
            shutil.copytree(source / part, self.root / part)
        (self.root / "schema").symlink_to(source / "schema")
        return self

    def edit(self, path: str, old: str, new: str) -> "Tree":
        """Replaces the first such text of a file, which must be there."""
        text = (self.root / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        (self.root / path).write_text(text.replace(old, new, 1))
        return self

    def append(self, path: str, text: str) -> "Tree":
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((file.read_text() if file.exists() else "") + text)
        return self

    def remove(self, path: str) -> "Tree":
        (self.root / path).unlink()
        return self

    def release(self, version: str) -> "Tree":
        release(self.root, version)
        return self

    def check(self) -> Checked:
        return check(self.root)

    def step(self) -> list[Finding]:
        """The part of the check that compares with the release: without lint, upcasters and golden bytes."""
        base = sources.released(self.root)
        assert base is not None
        return compare(self.root, step_of(base, sources.current(self.root), baseline.load(self.root)))


def released(folder: Path) -> Tree:
    """The contracts of this repository as if they were released as they are."""
    tree = Tree(folder).copy_from(ROOT)
    # Whatever was released before: these tests are about what comes next.
    return tree.remove("schema/release.json").release("9.0.0")


def told(checked: Checked | list[Finding]) -> str:
    """Everything that the check says."""
    findings = checked.findings if isinstance(checked, Checked) else checked
    return "\n".join(str(finding) for finding in findings)
