"""What the edge tells of itself: metrics of all its processes, a log line and a span of what it accepts."""

import logging
import os
from collections.abc import Sequence

from flask import Flask, Response, g, has_request_context, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from edge.callers import caller_of_request, require_role
from edge.counters import VARIABLE
from kernel.telemetry import metrics, tracing
from kernel.telemetry.log import each
from kernel.telemetry.metrics import COMMANDS_ACCEPTED, bound
from kernel.telemetry.requests import observe, route
from kernel.telemetry.trace_context import trace_id_of, trace_of
from kernel.tokens import Tokens
from prism.envelope.v1.envelope_pb2 import Envelope

OPERATOR = frozenset({"operator"})

logger = logging.getLogger(__name__)
_accepted = bound(COMMANDS_ACCEPTED)


def add_telemetry(app: Flask) -> None:
    """Counts, times and traces every request."""
    observe(app)

    @app.before_request
    def begin_span() -> None:
        if spans := tracing.spans():
            name = f"{request.method} {route()}" if request.url_rule else request.method
            attributes = {"http.request.method": request.method, "http.route": route()}
            g.span = spans.start(name, request.headers.get("traceparent"), attributes)
            g.traceparent = spans.context_of(g.span)

    @app.after_request
    def end_span(response: Response) -> Response:
        if span := g.pop("span", None):
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                span.set_attribute("error.type", str(response.status_code))
            span.end()
        return response


def traceparent() -> str:
    """The trace context of what this request leads to: its span's, else what came with it or a new one."""
    if "traceparent" not in g:
        g.traceparent = trace_of(request.headers.get("traceparent"))
    context: str = g.traceparent
    return context


def tell_accepted(envelopes: Sequence[Envelope]) -> None:
    """Tells of commands that are durably queued."""
    for envelope in envelopes:
        _accepted(_name(envelope)).inc()
    if logger.isEnabledFor(logging.INFO):
        lines = [
            {
                "command_id": envelope.id,
                "stream": envelope.stream,
                "type": _name(envelope),
                "trace_id": trace_id_of(envelope.traceparent),
            }
            for envelope in envelopes
        ]
        logger.info("accepted", extra=each(lines))
    if has_request_context() and (span := g.get("span")):
        span.set_attribute("prism.commands", len(envelopes))
        if len(envelopes) == 1:
            span.set_attribute("prism.command_id", envelopes[0].id)
            span.set_attribute("prism.stream", envelopes[0].stream)
            span.set_attribute("prism.type", _name(envelopes[0]))


def add_metrics(app: Flask, tokens: Tokens) -> None:
    """Adds /metrics, for operators."""

    @app.get("/metrics")
    def tell_metrics() -> Response:
        require_role(caller_of_request(tokens), OPERATOR)
        told = generate_latest(metrics.of_service(metrics.EDGE, registry()))
        answer = Response(told, content_type=CONTENT_TYPE_LATEST)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def registry() -> CollectorRegistry:
    """What all processes counted where they share a folder, else what this one did."""
    if VARIABLE not in os.environ:
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call] # prometheus_client leaves it untyped
    return shared


def _name(envelope: Envelope) -> str:
    return envelope.type.rpartition(".")[2]
