"""The simulation as developers run it: it keeps every promise, finds planted bugs, and repeats itself."""

import os
import subprocess
import sys

import pytest

SEEDS = "0:150"
# Found after many seeds: `make simulate ARGS=--mutants` plants these, too.
TAKE_LONG = ("limit-off-by-one", "debts-of-the-dead", "debts-cover-for-ever", "last-writer-wins")


def simulate(*arguments: str, hash_seed: str = "random") -> subprocess.CompletedProcess[str]:
    """`python -m dev.simulation`, in a process of its own, which sets the order of its sets itself."""
    return subprocess.run(
        [sys.executable, "-m", "dev.simulation", *arguments],
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ".:generated"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(300)
def test_hundreds_of_seeds_keep_every_promise() -> None:
    done = simulate("--seeds", SEEDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "150 seeds" in done.stdout
    assert "Every promise was kept." in done.stdout


def test_a_seed_gives_the_same_run_in_every_process() -> None:
    first = simulate("--digest", "--seeds", "0:6", hash_seed="1")
    again = simulate("--digest", "--seeds", "0:6", hash_seed="2")
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert first.stdout == again.stdout
    assert len({line.split()[1] for line in first.stdout.splitlines()}) == 6


@pytest.mark.timeout(600)
def test_planted_bugs_are_found() -> None:
    done = simulate("--mutants", "--but", *TAKE_LONG)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failing_seed_tells_a_short_history_and_how_to_see_it_again() -> None:
    done = simulate("--mutant", "gap-fill-off", "--seeds", "0:30", "--shrink-s", "10")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN views equal a rebuild" in done.stdout
    replay = done.stdout.strip().splitlines()[-1].removeprefix("Replay: python -m dev.simulation ").split()
    again = simulate(*replay, "--shrink-s", "0")
    assert again.returncode == 1
    assert "BROKEN views equal a rebuild" in again.stdout
    assert len(done.stdout.splitlines()) < len(again.stdout.splitlines())
