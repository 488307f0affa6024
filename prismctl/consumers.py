"""Pausing and resuming: on every replica that has the consumer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from prismctl.completion import consumers, services
from prismctl.connections import Worker
from prismctl.errors import Failed, NotFound, Unreachable
from prismctl.output import clean, plain_table
from prismctl.session import Session

Consumer = Annotated[
    str,
    typer.Argument(
        metavar="CONSUMER", help="As status names it. None: all of them.", autocompletion=consumers
    ),
]
Service = Annotated[str, typer.Option(help="Only this service's, as domain_svc.", autocompletion=services)]


@dataclass(frozen=True, slots=True)
class Told:
    """A worker that did as it was told, and what is paused there now."""

    worker: Worker
    paused: list[str]


def told_all(session: Session, consumer: str, service: str, tell: Callable[[Worker], list[str]]) -> None:
    """Tells every worker that has the consumer, and prints what is paused on each.

    NotFound where no worker has it, Unreachable where a replica that has it may not have been told.
    """
    workers = session.workers.of(service) if service else session.workers.all()
    told: list[Told] = []
    strangers: list[NotFound] = []
    failures: list[tuple[Worker, Failed]] = []
    for worker in workers:
        try:
            told.append(Told(worker, tell(worker)))
        except NotFound as error:
            strangers.append(error)
        except Unreachable as error:
            failures.append((worker, error))
    _print(session, told)
    having = {each.worker.service for each in told}
    for worker, failure in failures:
        # A consumer is one service's: if another one has it, this one does not matter.
        if not consumer or not having or worker.service in having:
            raise failure
    if consumer and not told:
        raise NotFound("; ".join(error.reason for error in strangers))


def _print(session: Session, told: list[Told]) -> None:
    session.output.document(
        {
            "workers": [
                {"service": each.worker.service, "address": each.worker.address, "paused": each.paused}
                for each in told
            ]
        }
    )
    table = plain_table("service", "address", "paused now")
    for each in told:
        paused = ", ".join(map(clean, each.paused)) or "nothing"
        table.add_row(each.worker.service, clean(each.worker.address), paused)
    if told:
        session.output.print(table)
