"""The tables that `make bench` prints."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from dev.bench.engine import Alone, Drain, Engine, Load
from dev.bench.figures import Latency, Rate
from dev.bench.pace import Pace
from dev.bench.pipeline import Pipeline
from dev.bench.rebuild import Rebuild
from dev.bench.targets import Target

# A pipe has no width of its own.
console = Console(width=None if sys.stdout.isatty() else 110)
Row = tuple[str, Callable[[Engine], str]]


def machine(facts: dict[str, Any]) -> None:
    """One line: what it was measured on."""
    console.print(
        f"{facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']} {facts['architecture']}, "
        f"Python {facts['python']}, SQLite {facts['sqlite']}, load {facts['load_before']}"
    )


def pipeline(found: Pipeline) -> None:
    """Prism's domain pipeline and the yardstick."""
    table = Table(title=f"Commands a second in one process, {found.carts} carts", title_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("median", justify="right")
    table.add_column("rounds", justify="right")
    rows: list[tuple[str, Rate]] = [
        ("Prism: dequeue, decide, append, publish, acknowledge", found.prism),
        ("Prism, 32 commands a message", found.prism_packed),
        ("eventsourcing: load, decide, append", found.library),
        ("eventsourcing, synchronous=NORMAL", found.library_relaxed),
        ("eventsourcing, 32 commands a transaction", found.library_batched),
        ("eventsourcing, 32 a transaction, synchronous=NORMAL", found.library_batched_relaxed),
    ]
    for name, rate in rows:
        table.add_row(name, f"{rate.median:,.0f}", " ".join(f"{each:,.0f}" for each in rate.rounds))
    console.print(table)
    console.print(
        f"Prism is {found.ratio} times the library as it comes, {found.ratio_equal_durability} times with "
        f"equal durability, {found.ratio_batched_equal_durability} times when the library batches too."
    )


def engines(found: Sequence[Engine]) -> None:
    """What was measured of each engine, side by side."""
    table = Table(title="From outside, over HTTP and SSE", title_justify="left")
    table.add_column("", no_wrap=True)
    for engine in found:
        table.add_column(engine.name, justify="right")
    rows: list[Row] = [
        *load_rows("single posts", lambda engine: engine.single),
        *load_rows("batches of 100", lambda engine: engine.batch),
        *pace_rows(),
        *alone_rows("lone, warm cart", lambda engine: engine.lone_warm),
        *alone_rows("lone, new cart", lambda engine: engine.lone_new),
        *alone_rows("lone, ReceiveStock", lambda engine: engine.lone_stock),
        ("idle: storage calls a second", idle),
        *drain_rows(),
        *rebuild_rows(),
    ]
    for name, show in rows:
        shown = [show(engine) for engine in found]
        if any(shown):
            table.add_row(name, *shown)
    console.print(table)
    for engine in found:
        calls_of(engine)
        processor_of(engine)
        backlog_of(engine)
        memory_of(engine)


def targets(found: Sequence[Target]) -> None:
    """What was reached, and what was not."""
    if not found:
        return
    table = Table(title="Targets", title_justify="left")
    table.add_column("")
    for column in ("target", "seen", ""):
        table.add_column(column, justify="right")
    for target in found:
        table.add_row(target.figure, target.bound, f"{target.seen:g}", "met" if target.met else "MISSED")
    console.print(table)


def load_rows(title: str, load: Callable[[Engine], Load | None]) -> list[Row]:
    """The rows of a load."""

    def row(show: Callable[[Load], str]) -> Callable[[Engine], str]:
        return lambda engine: show(found) if (found := load(engine)) else ""

    return [
        (f"{title}: accepted /s", row(lambda load: f"{load.accepted_per_s:,.0f}")),
        (f"{title}: fully projected /s", row(lambda load: f"{load.projected_per_s:,.0f}")),
        (f"{title}: storage calls a command", row(lambda load: f"{load.calls.per_command}")),
        (f"{title}: answered, p50 / p99 ms", row(lambda load: short(load.answer_ms))),
        (f"{title}: processor ms a command", row(lambda load: f"{sum(load.processor_ms.values()):.2f}")),
        (f"{title}: generator, cores", row(lambda load: f"{load.generator_load}")),
    ]


def pace_rows() -> list[Row]:
    """The rows of latency."""

    def row(show: Callable[[Pace], Latency]) -> Callable[[Engine], str]:
        return lambda engine: full(show(engine.pace)) if engine.pace else ""

    return [
        ("50 a second: POST to SSE, p50 / p95 / p99 / max ms", row(lambda pace: pace.post_to_sse_ms)),
        ("50 a second: POST to 202", row(lambda pace: pace.post_to_answer_ms)),
        ("50 a second: generator late by", row(lambda pace: pace.generator_ms)),
    ]


def alone_rows(title: str, alone: Callable[[Engine], Alone | None]) -> list[Row]:
    """The rows of commands one by one."""

    def row(show: Callable[[Alone], str]) -> Callable[[Engine], str]:
        return lambda engine: show(found) if (found := alone(engine)) else ""

    return [
        (f"{title}: storage calls (+ empty receives)", row(calls)),
        (f"{title}: waited for, p50 / p99 ms", row(lambda alone: short(alone.answer_ms))),
    ]


def drain_rows() -> list[Row]:
    """The rows of a backlog."""

    def row(show: Callable[[Drain], float]) -> Callable[[Engine], str]:
        return lambda engine: f"{show(engine.drain):,.0f}" if engine.drain else ""

    return [
        ("backlog: domain_svc alone, commands /s", row(lambda drain: drain.decided_per_s)),
        ("backlog: projector_svc alone, commands /s", row(lambda drain: drain.projected_per_s)),
    ]


def rebuild_rows() -> list[Row]:
    """The rows of a projection built anew."""

    def row(show: Callable[[Rebuild], str]) -> Callable[[Engine], str]:
        return lambda engine: show(engine.rebuild) if engine.rebuild else ""

    return [
        ("rebuild: events", row(lambda rebuild: f"{rebuild.quiet.events:,}")),
        ("rebuild: events a second, quiet", row(lambda rebuild: f"{rebuild.quiet.per_s:,.0f}")),
        (
            "rebuild: events a second, with 50 commands a second",
            row(lambda rebuild: " ".join(f"{each.per_s:,.0f}" for each in rebuild.busy)),
        ),
        (
            "meanwhile POST to SSE, p50 / p95 / p99 / max ms",
            row(lambda rebuild: full(rebuild.post_to_sse_ms)),
        ),
    ]


def calls(alone: Alone) -> str:
    """Storage calls of a command."""
    return f"{alone.calls.per_command} (+ {alone.calls.empty_receives})"


def idle(engine: Engine) -> str:
    """Storage calls a second without commands."""
    return "" if engine.idle_calls_per_s is None else f"{sum(engine.idle_calls_per_s.values()):.1f}"


def short(latency: Latency) -> str:
    """Median and 99th percentile."""
    return f"{latency.p50:.1f} / {latency.p99:.1f}"


def full(latency: Latency) -> str:
    """All percentiles."""
    return f"{latency.p50:.1f} / {latency.p95:.1f} / {latency.p99:.1f} / {latency.max:.1f}"


def calls_of(engine: Engine) -> None:
    """Storage calls by kind."""
    measured = {
        "lone, warm": engine.lone_warm,
        "lone, new": engine.lone_new,
        "ReceiveStock": engine.lone_stock,
        "single posts": engine.single,
        "batches": engine.batch,
    }
    columns = {title: found.calls for title, found in measured.items() if found}
    if not columns:
        return
    table = Table(title=f"{engine.name}: storage calls a command, by kind", title_justify="left")
    table.add_column("", no_wrap=True)
    for title in columns:
        table.add_column(title, justify="right")
    for kind in sorted({kind for calls in columns.values() for kind in calls.by_kind}):
        table.add_row(kind, *(str(calls.by_kind.get(kind, "")) for calls in columns.values()))
    table.add_row("all", *(str(calls.per_command) for calls in columns.values()), style="bold")
    table.add_row("receives that found nothing", *(str(calls.empty_receives) for calls in columns.values()))
    console.print(table)


def processor_of(engine: Engine) -> None:
    """Processor time of each program under load."""
    loads = {"single posts": engine.single, "batches": engine.batch}
    columns = {title: load.processor_ms for title, load in loads.items() if load}
    if not columns:
        return
    table = Table(title=f"{engine.name}: processor time a command, ms", title_justify="left")
    table.add_column("", no_wrap=True)
    for title in columns:
        table.add_column(title, justify="right")
    for program in next(iter(columns.values())):
        table.add_row(program, *(str(column[program]) for column in columns.values()))
    console.print(table)


def backlog_of(engine: Engine) -> None:
    """Memory of each process while a backlog goes from service to service."""
    if engine.drain is None:
        return
    moments = engine.drain.memory
    title = f"{engine.name}: RSS with a backlog of {engine.drain.commands} commands, MiB"
    table = Table(title=title, title_justify="left")
    table.add_column("process", no_wrap=True)
    for moment in moments:
        table.add_column(moment, justify="right")
    for processes in zip(*moments.values(), strict=True):
        table.add_row(processes[0].process, *(f"{process.rss_mib:.0f}" for process in processes))
    console.print(table)


def memory_of(engine: Engine) -> None:
    """Memory of each process."""
    if engine.memory is None:
        return
    table = Table(title=f"{engine.name}: memory, MiB", title_justify="left")
    for column, justify in (("process", "left"), ("RSS", "right"), ("PSS", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type] # mypy widens the literals
    for process in engine.memory:
        table.add_row(process.process, f"{process.rss_mib:.0f}", f"{process.pss_mib:.0f}")
    console.print(table)
