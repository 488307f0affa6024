"""What stream_svc tells of itself: metrics, and a log line and a span of every entry that it delivers."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily

from kernel.telemetry import metrics, tracing
from kernel.telemetry.log import each
from kernel.telemetry.metrics import SSE_CLIENTS, STREAM, UPDATE_LAG
from kernel.telemetry.requests import observe
from kernel.telemetry.trace_context import trace_id_of
from kernel.tokens import Tokens
from kernel.updates import Entry
from stream_svc.access import identify
from stream_svc.hub import Hub
from stream_svc.problems import forbidden

OPERATOR = "operator"

logger = logging.getLogger(__name__)


def add_telemetry(app: Flask, tokens: Tokens, hub: Hub) -> None:
    """Counts and times every request, and adds /metrics, for operators."""
    observe(app)
    registry = metrics.of_service(STREAM)
    registry.register(_Clients(hub))

    @app.get("/metrics")
    def tell_metrics() -> Response:
        if OPERATOR not in identify(request, tokens).roles:
            raise forbidden("Metrics are for operators.")
        answer = Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
        answer.headers["Cache-Control"] = "no-store"
        return answer


class _Clients:
    """A prometheus_client collector: how many streams are open."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(SSE_CLIENTS, "Open streams", value=self._hub.clients)


@dataclass(frozen=True, slots=True)
class Delivered:
    """An entry that was handed to its clients."""

    entry: Entry
    clients: int
    began_ns: int
    ended_ns: int
    age_s: float


def tell_delivered(delivered: Sequence[Delivered]) -> None:
    """Tells of entries in one go: one write of the log for all of them."""
    UPDATE_LAG.observe_all([item.age_s for item in delivered])
    if tracing.spans() is not None:
        for item in delivered:
            _record_span(item)
    if delivered and logger.isEnabledFor(logging.INFO):
        logger.info("delivered", extra=each([_line(item) for item in delivered]))


def _line(item: Delivered) -> dict[str, object]:
    delivery = item.entry.delivery
    return {
        "command_id": delivery.command_id,
        "stream": delivery.outcome.stream,
        "event_ids": [event.id for event in delivery.events],
        "trace_id": trace_id_of(_context(item.entry)),
        "clients": item.clients,
    }


def _record_span(item: Delivered) -> None:
    parent = _context(item.entry)
    delivery = item.entry.delivery
    attributes: dict[str, str | int] = {
        "messaging.system": "redis",
        "messaging.destination.name": "updates",
        "messaging.operation.type": "process",
        "prism.command_id": delivery.command_id,
        "prism.stream": delivery.outcome.stream,
        "prism.clients": item.clients,
    }
    tracing.record(
        "CONSUMER", "deliver", tracing.child(parent), parent, item.began_ns, item.ended_ns, attributes
    )


def _context(entry: Entry) -> str:
    """The trace context of what the projector did for the entry's events; of a rejection, its decision's."""
    events = entry.delivery.events
    return events[-1].traceparent if events else entry.delivery.outcome.traceparent
