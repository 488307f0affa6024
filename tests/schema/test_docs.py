"""The examples of docs/schema.md: their diffs are applied to the contracts, their commands are run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.protos import ROOT
from dev.schema.__main__ import main
from dev.schema.release import release

SECTIONS = (ROOT / "docs/schema.md").read_text().split("\n## ")
EXAMPLES = {section.partition("\n")[0]: section for section in SECTIONS if section.startswith("Example: ")}
# What the examples change, and what their tests need.
FOLDERS = [
    "proto",
    "upcasters",
    "schema",
    "kernel",
    "domain_svc",
    "projector_svc",
    "edge",
    "dev",
    "tests",
    "generated",
]
LEFT_OUT = shutil.ignore_patterns("__pycache__", "node_modules")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of this repository, its contracts released as they are."""
    root = tmp_path / "prism"
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, root / folder, ignore=LEFT_OUT)
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "schema/release.json").unlink()
    release(root, "0.1.0")
    return root


def blocks(example: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a section: (language, text)."""
    yield from re.findall(r"^```(diff|console)\n(.*?)^```", example, re.MULTILINE | re.DOTALL)


def commands(console: str) -> Iterator[tuple[list[str], list[str]]]:
    """A console's commands, each with the pieces of what it prints; `…` stands for what is left out."""
    for command in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        line, _, printed = command.partition("\n")
        yield shlex.split(line), [piece for piece in re.split(r"^…\n", printed, flags=re.MULTILINE) if piece]


def apply(root: Path, diff: str) -> None:
    subprocess.run(["git", "apply", "-"], cwd=root, input=diff, text=True, check=True)


def run(root: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Does what the Makefile does for a command, in another folder."""
    _make, target, *settings = command
    values = [value.partition("=")[2] for value in settings]
    if target == "proto":
        return in_the_copy(root, "-m", "dev.protos")
    if target == "test":
        return in_the_copy(root, "-m", "pytest", "-p", "no:cacheprovider", *values[0].split())
    capsys.readouterr()
    main(["--root", str(root), target.removeprefix("schema-"), *values])
    return capsys.readouterr().out


def in_the_copy(root: Path, *arguments: str) -> str:
    paths = {"PYTHONPATH": f"{root}:{root / 'generated'}"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_works(repository: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for language, text in blocks(EXAMPLES[name]):
        if language == "diff":
            apply(repository, text)
            continue
        for command, expected in commands(text):
            printed = run(repository, command, capsys)
            for piece in expected:
                assert piece.strip() in printed
