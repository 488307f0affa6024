"""prismctl status."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from prism.admin.v1.admin_pb2 import ConsumerStatus, StatusRequest, StatusResponse
from prismctl.commands import command, new_app
from prismctl.connections import Worker
from prismctl.errors import Failed, No, Unauthorised
from prismctl.output import UNKNOWN, as_dict, clean, plain_table, seconds_of, size, span
from prismctl.session import Session

REFRESH_S = 2.0
# From here on dead letters are counted no further.
MANY_DEAD_LETTERS = 1000

app = new_app()


@dataclass(frozen=True, slots=True)
class Asked:
    """A worker, and what it answered or why it did not."""

    worker: Worker
    answer: StatusResponse | None
    failure: Failed | None

    def document(self) -> dict[str, Any]:
        """For programs."""
        row: dict[str, Any] = {"service": self.worker.service, "address": self.worker.address}
        if self.answer is None:
            return row | {"reachable": False, "problem": self.failure.reason if self.failure else ""}
        return row | {"reachable": True, **as_dict(self.answer)}


@command(app)
def status(
    session: Session,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every 2 s, until Ctrl-C.")] = False,
) -> None:
    """How every worker is, and its consumers.

    Exit code 1 when a worker cannot be reached, 4 when one refuses the token.
    """
    if watch:
        with suppress(KeyboardInterrupt):
            _watch(session)
        return
    asked = ask(session)
    session.output.document({"workers": [each.document() for each in asked]})
    session.output.print(drawn(asked))
    failures = [each.failure for each in asked if each.failure]
    for failure in failures:
        if isinstance(failure, Unauthorised):
            raise failure
    if failures:
        raise No(f"{len(failures)} of {len(asked)} workers did not answer; {failures[0]}")


def ask(session: Session) -> list[Asked]:
    """Asks every worker at once."""
    workers = session.workers.all()
    with ThreadPoolExecutor(max_workers=min(32, len(workers))) as threads:
        return list(threads.map(_ask, workers))


def _ask(worker: Worker) -> Asked:
    try:
        return Asked(worker, worker.call(worker.admin.Status, StatusRequest()), None)
    except Failed as failure:
        return Asked(worker, None, failure)


def _watch(session: Session) -> None:
    output = session.output
    if not output.is_terminal or output.as_json:
        while True:
            asked = ask(session)
            output.line({"workers": [each.document() for each in asked]})
            output.print(drawn(asked), "")
            time.sleep(REFRESH_S)
    with Live(console=output.console, auto_refresh=False, screen=True) as live:
        while True:
            hint = Text(f"{time.strftime('%H:%M:%S')}  every {REFRESH_S:g} s, Ctrl-C ends it", "dim")
            live.update(Group(drawn(ask(session)), hint), refresh=True)
            time.sleep(REFRESH_S)


def drawn(asked: list[Asked]) -> RenderableType:
    """All workers, each with its consumers."""
    return Group(*(part for each in asked for part in _worker(each)))


def _worker(asked: Asked) -> Iterator[RenderableType]:
    name, answer = Text(clean(asked.worker.service), "bold"), asked.answer
    if answer is None:
        reason = asked.failure.reason if asked.failure else ""
        yield Text.assemble(name, f"  {clean(asked.worker.address)}  ", (clean(reason), "bold red"))
        yield ""
        return
    about = [
        clean(answer.version),
        clean(asked.worker.address),
        f"up {span(seconds_of(answer.uptime))}",
        size(answer.memory_bytes),
    ]
    yield Text.assemble(Text(clean(answer.service), "bold"), "  ", "  ".join(about))
    yield _consumers(answer)
    for consumer in answer.consumers:
        if consumer.left or consumer.unknown_types:
            unknown = ", ".join(clean(name) for name in consumer.unknown_types) or "nothing named"
            told = f"{clean(consumer.name)}: {consumer.left} left for a newer replica; not known: {unknown}"
            yield Text(f"  {told}", "yellow")
    yield ""


def _consumers(answer: StatusResponse) -> Table:
    table = plain_table()
    table.padding = (0, 1, 0, 0)
    # The same widths for each worker, so that columns stand under each other; 80 in all.
    for title, width in (("consumer", 17), ("state", 7)):
        table.add_column(title, width=width, overflow="fold")
    for title, width in (
        ("depth", 6),
        ("oldest", 6),
        ("lag", 6),
        ("flight", 6),
        ("handled", 8),
        ("retried", 7),
        ("dead", 5),
    ):
        table.add_column(title, justify="right", min_width=width, overflow="fold")
    for consumer in answer.consumers:
        table.add_row(*_consumer(consumer))
    return table


def _consumer(consumer: ConsumerStatus) -> Iterator[Text]:
    dead = consumer.dead_letters
    yield Text(clean(consumer.name))
    yield Text("PAUSED", "bold yellow") if consumer.paused else Text("running", "green")
    yield Text(str(consumer.depth))
    yield Text(span(seconds_of(consumer.oldest_age)) if consumer.HasField("oldest_age") else UNKNOWN)
    yield Text(span(seconds_of(consumer.lag)) if consumer.HasField("lag") else UNKNOWN)
    yield Text(str(consumer.in_flight))
    yield Text(str(consumer.handled))
    yield Text(str(consumer.retried))
    yield Text(f"{dead}{'+' if dead >= MANY_DEAD_LETTERS else ''}", "bold red" if dead else "")
