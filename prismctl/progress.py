"""How far a rebuild is: a bar where people watch, lines where nobody does."""

import time
from types import TracebackType

from rich import progress
from rich.console import Console, RenderableType
from rich.text import Text

from prism.admin.v1.projections_pb2 import RebuildProgress
from prismctl.output import clean, seconds_of, span

Phase = RebuildProgress.Phase
DOING = {
    RebuildProgress.COUNTING: "counting",
    RebuildProgress.BUILDING: "building",
    RebuildProgress.LIVE: "live",
    RebuildProgress.COMPARING: "comparing",
}
# Between lines of one phase: a log of a long rebuild stays readable.
LINE_EVERY_S = 5.0


def doing(now: RebuildProgress) -> str:
    """The phase in a word."""
    return DOING.get(now.phase, "working")


def told(now: RebuildProgress) -> str:
    """`building 120,000 of 500,000 events (24 %), 11,200/s, 34s left`."""
    parts = [doing(now)]
    if now.total:
        parts[0] += f" {now.done:,} of {now.total:,} events ({100 * now.done // now.total} %)"
    if now.rate:
        parts.append(f"{now.rate:,.0f}/s")
    if left := time_left(now):
        parts.append(left)
    return ", ".join(parts)


def time_left(now: RebuildProgress) -> str:
    """`34s left`; empty while it is unknown, and when it is done."""
    left_s = seconds_of(now.time_left)
    return f"{span(left_s)} left" if left_s > 0 and now.done < now.total else ""


class Progress:
    """Shows nothing."""

    def show(self, now: RebuildProgress) -> None:
        """How far it is now."""

    def above(self, thing: RenderableType) -> None:
        """Prints something that stays."""


class Lines(Progress):
    """A line when the phase changes, and now and then."""

    def __init__(self, console: Console, view: str) -> None:
        self._console = console
        self._view = view
        self._last: tuple[int, float] | None = None

    def show(self, now: RebuildProgress) -> None:
        """How far it is now, if it is time for a line."""
        at = time.monotonic()
        if self._last and self._last[0] == now.phase and at - self._last[1] < LINE_EVERY_S:
            return
        self._last = now.phase, at
        self._console.print(f"{clean(self._view)}: {told(now)}", soft_wrap=True)

    def above(self, thing: RenderableType) -> None:
        """Prints something."""
        self._console.print(thing)


class Bar(Progress):
    """A bar that moves while the block runs."""

    def __init__(self, console: Console, view: str) -> None:
        self._view = clean(view)
        self._progress = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=None),
            progress.TextColumn("{task.fields[told]}", markup=False),
            console=console,
            expand=True,
        )
        self._task = self._progress.add_task(self._view, total=None, told="")

    def show(self, now: RebuildProgress) -> None:
        """How far it is now."""
        rate = f" {now.rate:,.0f}/s" if now.rate else ""
        self._progress.update(
            self._task,
            description=f"{self._view} {doing(now)}",
            completed=now.done,
            # Without a total the bar moves to and fro.
            total=now.total or None,
            told=f"{now.done:,}/{now.total:,}{rate} {time_left(now)}" if now.total else "",
        )

    def above(self, thing: RenderableType) -> None:
        """Prints something above the bar."""
        self._progress.console.print(thing if not isinstance(thing, str) else Text(thing))

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()
