"""What projector_svc tells of itself: of every event that it projects a log line and a span, of every
rejection that it announces a line; lags as metrics.

Told a batch at a time, once the views are saved.
"""

import logging
import time
from collections.abc import Iterable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from kernel.queues import events_for
from kernel.telemetry import tracing
from kernel.telemetry.log import Fields, each
from kernel.telemetry.metrics import PROJECTED_SECONDS, PROJECTION_LAG, bound
from kernel.telemetry.trace_context import trace_id_of
from prism.envelope.v1.envelope_pb2 import Commit, Delivery, Envelope, Outcome

logger = logging.getLogger(__name__)

_lag = bound(PROJECTION_LAG)


def tell_projected(
    subscriber: str, commits: Iterable[Commit], deliveries: Sequence[Delivery], began_ns: int
) -> None:
    """Tells of commits whose views are saved, and puts the context of the spans into what is delivered."""
    commits = list(commits)
    now_ns = time.time_ns()
    events = [event for commit in commits for event in commit.events]
    _lag(subscriber).observe_all([_since(event.time, now_ns) for event in events])
    accepted = [delivery.outcome.stages.accepted_at for delivery in deliveries]
    PROJECTED_SECONDS.observe_all([_since(at, now_ns) for at in accepted if at.seconds])
    if logger.isEnabledFor(logging.INFO):
        logger.info("projected", extra=each([_line(subscriber, event) for event in events]))
        rejections = [item.outcome for item in deliveries if item.outcome.status == Outcome.REJECTED]
        logger.info("announced", extra=each([_announcement(outcome) for outcome in rejections]))
    if tracing.spans() is not None:
        _record(subscriber, events, deliveries, began_ns, now_ns)


def _record(
    subscriber: str,
    events: Sequence[Envelope],
    deliveries: Sequence[Delivery],
    began_ns: int,
    now_ns: int,
) -> None:
    contexts: dict[str, str] = {}
    for event in events:
        contexts[event.id] = context = tracing.child(event.traceparent)
        attributes: dict[str, str | int] = {
            "messaging.system": "prism",
            "messaging.destination.name": events_for(subscriber),
            "messaging.operation.type": "process",
            "messaging.message.id": event.id,
            "prism.event_id": event.id,
            "prism.command_id": event.causation_id,
            "prism.stream": event.stream,
            "prism.version": event.version,
        }
        name = f"project {_short(event.type)}"
        tracing.record("CONSUMER", name, context, event.traceparent, began_ns, now_ns, attributes)
    for delivery in deliveries:
        for event in delivery.events:
            event.traceparent = contexts.get(event.id, event.traceparent)


def _line(subscriber: str, event: Envelope) -> Fields:
    return {
        "event_id": event.id,
        "command_id": event.causation_id,
        "stream": event.stream,
        "type": _short(event.type),
        "subscriber": subscriber,
        "trace_id": trace_id_of(event.traceparent),
    }


def _announcement(outcome: Outcome) -> Fields:
    return {
        "command_id": outcome.command_id,
        "stream": outcome.stream,
        "status": "REJECTED",
        "code": outcome.code,
        "trace_id": trace_id_of(outcome.traceparent),
    }


def _short(type_: str) -> str:
    return type_.rpartition(".")[2]


def _since(then: Timestamp, now_ns: int) -> float:
    """Clocks of two machines may differ: never less than nothing."""
    return max(0.0, (now_ns - then.seconds * 10**9 - then.nanos) / 1e9)
