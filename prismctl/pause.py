"""prismctl pause."""

from prism.admin.v1.admin_pb2 import PauseRequest
from prismctl.commands import Yes, command, new_app
from prismctl.consumers import Consumer, Service, told_all
from prismctl.session import Session

app = new_app()


@command(app)
def pause(
    session: Session,
    consumer: Consumer = "",
    service: Service = "",
    yes: Yes = False,
) -> None:
    """Stops a consumer before its next batch; what is queued waits.

    On every replica that has it, until it is resumed or restarted.
    """
    if not consumer:
        session.confirm(f"Pause all consumers of {service or 'every service'}?", yes)
    request = PauseRequest(consumer=consumer)
    told_all(session, consumer, service, lambda worker: list(worker.call(worker.admin.Pause, request).paused))
