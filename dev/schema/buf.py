"""buf: lint of a version's contracts, and what it finds broken between two.

buf reads descriptor images, so that it needs neither network nor a copy of what the contracts import. Its
rules, with the reason of every exception, are in `proto/buf.yaml`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from dev.schema.contracts import Contracts
from dev.schema.findings import Finding

CONFIG = "proto/buf.yaml"
BUF = Path(sys.executable).parent / "buf"
# It ends before a garbage collection would pay: without one it takes half the processor time.
QUICK = {**os.environ, "GOGC": "off"}
# What buf exits with when it has something to say about the contracts.
FOUND = 100

RESERVE = (
    "write `reserved` with its number and its name into the message, so that neither is ever used again; "
    "it must have been deprecated for a release before"
)
KEEP_NAME = "put the name back: JSON and clients know it. A new name is a new field with a new number"
KEEP_TYPE = "put it back: stored bytes and old replicas have the released type. Add a new field beside it"
# By the beginning of buf's rules.
ADVICE = {
    "FIELD_NO_DELETE": RESERVE,
    "ENUM_VALUE_NO_DELETE": RESERVE,
    "RESERVED_": "put the reservation back: a number or name that was used once is never free again",
    "FIELD_SAME_NAME": KEEP_NAME,
    "FIELD_SAME_JSON_NAME": KEEP_NAME,
    "ENUM_VALUE_SAME_NAME": "put the value's name back: JSON shows it. A new name is a new value with a new number",
    "FIELD_SAME_ONEOF": "put the field back where it was: a oneof clears its other fields. Add a new field instead",
    "FIELD_": KEEP_TYPE,
    "RPC_": "put it back; a call of another shape is a new rpc, and this one is deprecated",
    "FILE_SAME_PACKAGE": "put the package back: stored messages and clients know the full names",
}
KEEP = "put back what was released, and add the new thing beside it"


class BufFailed(Exception):
    """buf did not run; the message is its own."""


def lint(root: Path, tree: Contracts) -> list[Finding]:
    """What buf lint says of the tree."""
    advice = "follow the rule; an exception to it goes into proto/buf.yaml with its reason"
    return [_finding(tree, told, advice) for told in _run(root, "lint", tree)]


def breaking(root: Path, base: Contracts, tree: Contracts) -> list[Finding]:
    """What buf breaking says of the tree against an earlier version."""
    found = []
    for told in _run(root, "breaking", tree, base):
        advice = next((text for start, text in ADVICE.items() if told["type"].startswith(start)), KEEP)
        found.append(_finding(tree, told, advice))
    return found


def _run(root: Path, verb: str, tree: Contracts, base: Contracts | None = None) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch:
        images = []
        for name, contracts in (("tree", tree), ("base", base)):
            if contracts is not None:
                images.append(Path(scratch) / f"{name}.binpb")
                images[-1].write_bytes(contracts.image)
        against = ["--against", str(images[1])] if base is not None else []
        command = [str(BUF), verb, str(images[0]), *against, "--config", str(root / CONFIG)]
        done = subprocess.run(
            [*command, "--error-format", "json"], env=QUICK, capture_output=True, text=True, check=False
        )
    if done.returncode not in (0, FOUND):
        raise BufFailed(done.stderr.strip() or done.stdout.strip())
    return [json.loads(line) for line in done.stdout.splitlines()]


def _finding(tree: Contracts, told: dict[str, Any], advice: str) -> Finding:
    path, line = told.get("path", ""), told.get("start_line", 0)
    where = f"proto/{path}:{line}" if line else f"proto/{path}"
    subject = tree.declared_at(path, line) or path or "proto"
    return Finding(told["type"], where, subject, told["message"].rstrip("."), advice)
