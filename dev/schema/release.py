"""The release: what was checked is frozen under a version, and is what the next check compares with."""

import re
import shutil
from pathlib import Path

from dev.schema import baseline, golden
from dev.schema.check import Checked, check
from dev.schema.findings import count

VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class Refused(Exception):
    """Nothing was frozen; the message says why, and what is wrong is with it."""

    def __init__(self, why: str, checked: Checked | None = None) -> None:
        super().__init__(why)
        self.checked = checked


def release(root: Path, version: str) -> list[Path]:
    """Freezes the tree's contracts as a version, with golden bytes for events that had none.

    Answers the golden files that it wrote. Refused, with nothing written, if the check finds anything or the
    version is not later than the last.
    """
    last = baseline.load(root)
    if last and _number(version) <= _number(last.version):
        raise Refused(f"{version} does not come after {last.version}, which is released")
    _number(version)
    checked = check(root)
    if checked.findings:
        raise Refused(count(checked.findings, "finding"), checked)
    assert checked.tree is not None  # without one there is a finding
    written = golden.write(golden.look(root, checked.tree))
    gone = {change.owner for change in checked.changes if change.kind == "removed" and not change.part}
    gone -= checked.tree.messages.keys() | checked.tree.methods.keys()
    _copy(root / "proto", root / baseline.RELEASED)
    frozen = baseline.Release(
        version,
        baseline.digest_of_contracts(root / baseline.RELEASED),
        golden.digests(root),
        tuple(gone.union(last.retired if last else ())),
    )
    baseline.save(root, frozen)
    return written


def _copy(proto: Path, released: Path) -> None:
    shutil.rmtree(released, ignore_errors=True)
    for path in sorted(proto.rglob("*.proto")):
        copied = released / path.relative_to(proto)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)


def _number(version: str) -> tuple[int, ...]:
    match = VERSION.fullmatch(version)
    if match is None:
        raise Refused(f"{version!r} is no version: it is three numbers, as 1.2.0")
    return tuple(int(part) for part in match.groups())
