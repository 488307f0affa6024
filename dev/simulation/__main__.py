"""`python -m dev.simulation --seeds 0:2000`: runs seeds; a failing one is shrunk and told."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dev.simulation import campaign, shrinking
from dev.simulation.mutants import MUTANTS, Mutant
from dev.simulation.network import Entry
from dev.simulation.run import Result, plan_of, run
from dev.simulation.world import EPOCH_S

DEFAULT_SEEDS = "0:300"
MAX_LINES = 1000
MAX_SHOWN = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when every seed kept every promise, or every planted bug was found."""
    options = parser().parse_args(arguments)
    if options.mutants:
        return find_mutants([item for item in MUTANTS if item.name not in options.but], options.jobs)
    planted = campaign.mutant_of(options.mutant).planted() if options.mutant else nullcontext()
    with planted:
        if options.digest:
            for seed in options.seeds:
                print(seed, run(plan_of(seed), history=True).digest())
            return 0
        return run_seeds(options)


def run_seeds(options: argparse.Namespace) -> int:
    """Runs them; tells of the first that failed all that helps."""
    tally = campaign.Tally()
    with progress(len(options.seeds)) as advance:
        for verdict in campaign.judge_all(options.seeds, options.jobs):
            tally.add(verdict)
            advance()
            if len(tally.failed) >= MAX_SHOWN:
                break
    print(
        f"{tally.seeds} seeds: {tally.calls:,} calls to storage and Redis, {tally.faults:,} faults injected, "
        f"{tally.accepted:,} commands accepted, {tally.refused:,} requests refused with 503"
    )
    if not tally.failed:
        print("Every promise was kept.")
        return 0
    for promise, count in tally.promises.most_common():
        print(f"  broken by {count} of them: {promise}")
    failed = sorted(tally.failed, key=lambda verdict: verdict.seed)
    print(f"Failing seeds: {', '.join(str(verdict.seed) for verdict in failed)}\n")
    tell(failed[0].seed, options)
    return 1


def tell(seed: int, options: argparse.Namespace) -> None:
    """Prints the shortest history of a failing seed that is found in a while, and how to see it again."""
    result = run(plan_of(seed))
    plan = result.plan if options.whole else shrinking.shrink(result, options.shrink_s)
    shortest = run(plan, history=True)
    how = "as it is" if options.whole else "the shortest history found"
    print(
        f"Seed {seed}, {how}: {len(plan.actions)} actions, {len(shortest.injected)} faults in calls, "
        f"{len(plan.spells)} spells; {plan.domains} of domain_svc, {plan.projectors} of projector_svc, "
        f"{plan.streams} of stream_svc{', exclusive' if plan.exclusive else ''}\n"
    )
    show_history(shortest, MAX_LINES if not options.whole else sys.maxsize)
    print()
    for broken in shortest.wrong:
        print(f"BROKEN {broken}")
    planted = f" --mutant {options.mutant}" if options.mutant else ""
    print(f"\nReplay: python -m dev.simulation --seeds {seed}{planted}")


def show_history(result: Result, limit: int) -> None:
    """One line a call: when, who, what, and what went wrong with it."""
    entries = [entry for entry in result.history if entry.fault or not _dull(entry)]
    for entry in entries[:limit]:
        fault = f"   <== {entry.fault}" if entry.fault else ""
        print(f"{entry.at - EPOCH_S:9.3f}  {entry.actor:26}  {entry.what}{fault}")
    if len(entries) > limit:
        print(f"… and {len(entries) - limit} lines more: --whole shows them")


def _dull(entry: Entry) -> bool:
    """Whether a line tells nothing: a look that found nothing, a reader's polls, the checks' own reads."""
    return (
        entry.what.endswith(": receive")
        or entry.actor == "conductor"
        or (entry.actor.endswith("/reader") and entry.what.startswith("redis"))
    )


def find_mutants(mutants: Sequence[Mutant], jobs: int) -> int:
    """Prints how soon each planted bug is found, as Markdown."""
    with progress(len(mutants)) as advance:
        found = campaign.search_all(mutants, jobs, lambda _: advance())
    print("| planted bug | what it does | found at seed | by the promise |")
    print("|---|---|---|---|")
    for item in found:
        seed = "NOT FOUND" if item.seed is None else str(item.seed)
        print(f"| {item.mutant.name} | {item.mutant.what} | {seed} | {item.promise} |")
    print(f"\n{len(found)} bugs, {sum(item.seconds for item in found):.0f} s of processors' time")
    return 0 if all(item.seed is not None for item in found) else 1


@contextmanager
def progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; nothing elsewhere."""
    bar = Progress(
        TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip # its columns in a line
    with bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def seeds(text: str) -> Sequence[int]:
    """`17` is one seed, `0:2000` are those from 0 to 1999."""
    first, colon, end = text.partition(":")
    return range(int(first), int(end)) if colon else [int(first)]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m dev.simulation", description=__doc__)
    made.add_argument("--seeds", type=seeds, default=seeds(DEFAULT_SEEDS), help="17, or 0:2000")
    made.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: processors)")
    made.add_argument("--whole", action="store_true", help="tell the whole history, without shrinking")
    made.add_argument("--shrink-s", type=float, default=shrinking.BUDGET_S, help="time for shrinking")
    made.add_argument("--digest", action="store_true", help="print each seed's digest: its history's hash")
    made.add_argument("--mutants", action="store_true", help="search for every planted bug")
    names = [mutant.name for mutant in MUTANTS]
    made.add_argument("--but", nargs="+", choices=names, default=[], help="of these bugs, search for none")
    made.add_argument("--mutant", choices=names, help="plant this bug")
    return made


if __name__ == "__main__":
    campaign.again_ordered(sys.argv[1:])
    sys.exit(main())
