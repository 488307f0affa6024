"""The figures of a campaign, as a table."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from dev.faults.campaign import Verdict

MAX_SHOWN = 20


def show(verdicts: Sequence[Verdict], console: Console) -> None:
    """Prints what went wrong with the stacks, what was kept, and what was not."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for verdict in verdicts:
        table.add_column(f"{verdict.engine}, seed {verdict.seed}", justify="right")
    rows = {
        "seconds of faults, then to rest": [f"{v.seconds:.0f}, {v.rested_s:.0f}" for v in verdicts],
        "faults injected": [f"{v.injected.total():,}" for v in verdicts],
        "storage requests troubled": [f"{v.troubled_requests.total():,}" for v in verdicts],
        "commands acknowledged": [f"{v.accepted:,}" for v in verdicts],
        "refused and given up": [f"{v.given_up:,}" for v in verdicts],
        "events": [f"{v.events:,}" for v in verdicts],
        "screens, told to fetch anew": [f"{v.screens}, {v.resets}" for v in verdicts],
        "lost": [str(v.count("commands have one outcome")) for v in verdicts],
        "duplicated": [str(v.count("effects happen once", "a repeat has no effect")) for v in verdicts],
        "views differing from a rebuild": [str(v.count("views equal a rebuild")) for v in verdicts],
        "screens that are wrong": [str(v.count("screens show what is stored")) for v in verdicts],
        "promises broken, all": [str(len(v.wrong)) for v in verdicts],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    console.print(table)
    for verdict in verdicts:
        console.print(f"\n[bold]{verdict.engine}[/] faults: {_listed(verdict.injected)}", highlight=False)
        if verdict.troubled_requests:
            console.print(f"requests: {_listed(verdict.troubled_requests)}", highlight=False)
        console.print(f"answers: {_listed(verdict.answers)}", highlight=False)
        for broken in verdict.wrong[:MAX_SHOWN]:
            console.print(f"BROKEN {broken}", style="red", markup=False, highlight=False)
        if len(verdict.wrong) > MAX_SHOWN:
            console.print(f"… and {len(verdict.wrong) - MAX_SHOWN} more")
        if verdict.logs:
            console.print(f"The services' logs: {verdict.logs}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.most_common())
