"""`python -m dev.faults`: real stacks under load and faults, held to every promise."""

import argparse
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

from dev.faults import breakages, campaign, report
from dev.stack import StackFailed

ENGINES = ("embedded", "azurite")
NAMES = sorted(
    breakage.__name__
    for breakage in (*breakages.PROCESSES, *breakages.EMBEDDED, *breakages.AZURITE, breakages.clock_jumped)
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when every promise was kept, 1 when one was not, or a stack did not start."""
    options = parser().parse_args(arguments)
    out = Console(soft_wrap=True)
    verdicts = []
    for engine in ENGINES if options.engine == "both" else [options.engine]:
        with progress(engine, options.seconds) as say:
            try:
                verdict = campaign.run(engine, options.seed, options.seconds, options.only or (), say)
            except StackFailed as error:
                print(error, file=sys.stderr)
                return 1
        report.show(verdict, out)
        verdicts.append(verdict)
    if any(verdict.wrong for verdict in verdicts):
        out.print(f"\nThe same faults again: python -m dev.faults --seed {options.seed}")
        return 1
    out.print("\nEvery promise was kept.")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m dev.faults", description=__doc__)
    made.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    made.add_argument("--seconds", type=float, default=120.0, help="of faults, an engine (default 120)")
    made.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="draws faults and shoppers")
    made.add_argument(
        "--only", choices=NAMES, action="append", metavar="FAULT", help=f"of {', '.join(NAMES)}"
    )
    return made


@contextmanager
def progress(engine: str, seconds: float) -> Iterator[Callable[[str], None]]:
    """Tells what breaks now: in one line on a terminal, else line by line."""
    console = Console(stderr=True)
    began_at = time.monotonic()
    if not console.is_terminal:
        yield lambda what: console.print(
            f"{engine} {time.monotonic() - began_at:5.1f} s  {what}", highlight=False
        )
        return
    with console.status(f"{engine}: starting") as status:
        yield lambda what: status.update(
            f"{engine} {time.monotonic() - began_at:.0f} of {seconds:.0f} s: {what}"
        )


if __name__ == "__main__":
    sys.exit(main())
