"""The figures of a campaign."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from dev.faults.campaign import Verdict

MAX_SHOWN = 20


def show(verdict: Verdict, console: Console) -> None:
    """Prints what went wrong with the stack, what was kept, and what was not."""
    broken = verdict.count
    rows = {
        "seconds of faults, then to rest": f"{verdict.seconds:.0f}, {verdict.rested_s:.0f}",
        "faults injected": f"{verdict.injected.total():,}",
        "storage requests troubled": f"{verdict.troubled_requests.total():,}",
        "commands acknowledged": f"{verdict.accepted:,}",
        "refused and given up": f"{verdict.given_up:,}",
        "events": f"{verdict.events:,}",
        "screens, told to fetch anew": f"{verdict.screens}, {verdict.resets}",
        "lost": str(broken("commands have one outcome")),
        "duplicated": str(broken("effects happen once", "a repeat has no effect")),
        "views differing from a rebuild": str(broken("views equal a rebuild")),
        "screens that are wrong": str(broken("screens show what is stored")),
        "promises broken, all": str(len(verdict.wrong)),
    }
    table = Table("", f"{verdict.engine}, seed {verdict.seed}", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for name, cell in rows.items():
        table.add_row(name, cell)
    console.print(table)
    console.print(f"faults: {_listed(verdict.injected)}", highlight=False)
    if verdict.troubled_requests:
        console.print(f"requests: {_listed(verdict.troubled_requests)}", highlight=False)
    console.print(f"answers: {_listed(verdict.answers)}\n", highlight=False)
    for each in verdict.wrong[:MAX_SHOWN]:
        console.print(f"BROKEN {each}", style="red", markup=False, highlight=False)
    if len(verdict.wrong) > MAX_SHOWN:
        console.print(f"… and {len(verdict.wrong) - MAX_SHOWN} more")
    if verdict.logs:
        console.print(f"The services' logs: {verdict.logs}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.most_common())
