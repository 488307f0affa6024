"""prismctl resume."""

from prism.admin.v1.admin_pb2 import ResumeRequest
from prismctl.commands import Yes, command, new_app
from prismctl.consumers import Consumer, Service, told_all
from prismctl.session import Session

app = new_app()


@command(app)
def resume(
    session: Session,
    consumer: Consumer = "",
    service: Service = "",
    yes: Yes = False,
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
