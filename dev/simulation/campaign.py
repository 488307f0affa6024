"""Many seeds, on all processors; and the planted bugs, each until it is found."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context

from dev.simulation.mutants import MUTANTS, Mutant
from dev.simulation.run import plan_of, run

# Seeds of a planted bug that is searched for.
MUTANT_SEEDS = 400
CHUNK = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a seed, in what can be sent between processes."""

    seed: int
    promises: tuple[str, ...]
    accepted: int
    refused: int
    calls: int
    faults: int


@dataclass(slots=True)
class Tally:
    """What came of many."""

    seeds: int = 0
    accepted: int = 0
    refused: int = 0
    calls: int = 0
    faults: int = 0
    failed: list[Verdict] = field(default_factory=list)
    promises: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        """One seed more."""
        self.seeds += 1
        self.accepted += verdict.accepted
        self.refused += verdict.refused
        self.calls += verdict.calls
        self.faults += verdict.faults
        if verdict.promises:
            self.failed.append(verdict)
            self.promises.update(verdict.promises)


@dataclass(frozen=True, slots=True)
class Found:
    """How a planted bug was found; `after` is None when it was not."""

    mutant: Mutant
    after: int | None
    seed: int | None
    promise: str
    seconds: float


def judge(seed: int) -> Verdict:
    """Runs a seed."""
    result = run(plan_of(seed))
    return Verdict(
        seed,
        tuple(dict.fromkeys(broken.promise for broken in result.wrong)),
        result.accepted,
        result.refused,
        result.calls,
        len(result.injected) + len(result.plan.spells),
    )


def judge_all(seeds: Sequence[int], jobs: int) -> Iterator[Verdict]:
    """Runs many seeds, in whatever order they get done."""
    if jobs == 1:
        yield from map(judge, seeds)
        return
    with get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(judge, seeds, chunksize=CHUNK)


def search(mutant: Mutant, seeds: Iterable[int] = range(MUTANT_SEEDS)) -> Found:
    """Runs seeds with a bug planted until one fails."""
    begun = time.monotonic()
    with mutant.planted():
        for count, seed in enumerate(seeds, 1):
            if promises := judge(seed).promises:
                return Found(mutant, count, seed, promises[0], time.monotonic() - begun)
    return Found(mutant, None, None, "", time.monotonic() - begun)


def search_all(mutants: Sequence[Mutant], jobs: int, seen: Callable[[Found], None]) -> list[Found]:
    """Searches for each planted bug."""
    found = []
    with get_context("fork").Pool(jobs) if jobs > 1 else nullcontext() as pool, ExitStack():
        names = [mutant.name for mutant in mutants]
        results = pool.imap(_search, names) if pool else map(_search, names)
        for (after, seed, promise, seconds), mutant in zip(results, mutants, strict=True):
            found.append(Found(mutant, after, seed, promise, seconds))
            seen(found[-1])
    return found


def _search(name: str) -> tuple[int | None, int | None, str, float]:
    found = search(mutant_of(name))
    return found.after, found.seed, found.promise, found.seconds


def mutant_of(name: str) -> Mutant:
    """The planted bug of that name; KeyError for none."""
    return {mutant.name: mutant for mutant in MUTANTS}[name]


def ordered_by_hash() -> bool:
    """Whether sets of texts have the same order in every process, without which a seed means nothing."""
    return os.environ.get("PYTHONHASHSEED") == "0"


def again_ordered(arguments: Sequence[str]) -> None:
    """Starts this program anew where they do not."""
    if not ordered_by_hash():
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        os.execve(sys.executable, [sys.executable, "-m", "dev.simulation", *arguments], environment)  # noqa: S606 # itself
