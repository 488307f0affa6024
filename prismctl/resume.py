"""prismctl resume."""

from typing import Annotated

import typer

from prism.admin.v1.admin_pb2 import ResumeRequest
from prismctl.commands import command, new_app
from prismctl.completion import consumers, services
from prismctl.consumers import told_all
from prismctl.session import Session

app = new_app()


@command(app)
def resume(
    session: Session,
    consumer: Annotated[
        str,
        typer.Argument(
            metavar="CONSUMER", help="As status names it. None: all of them.", autocompletion=consumers
        ),
    ] = "",
    service: Annotated[
        str, typer.Option(help="Only this service's, as domain_svc.", autocompletion=services)
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Lets a paused consumer go on.

    On every replica that has it.
    """
    if not consumer:
        session.confirm(f"Resume all consumers of {service or 'every service'}?", yes)
    request = ResumeRequest(consumer=consumer)
    told_all(
        session, consumer, service, lambda worker: list(worker.call(worker.admin.Resume, request).paused)
    )
