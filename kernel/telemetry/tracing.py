"""Traces: spans of what each service does for a command, in one trace across the queues.

    edge: POST /v1/carts/{cart_id}/items ─▶ domain_svc: decide AddItemToCart
                                              ├─▶ projector_svc: project ItemAddedToCart ─▶ stream_svc: deliver
                                              └─▶ domain_svc: send ReserveStock ─▶ decide ReserveStock ─▶ …

The context travels in the envelopes. It does so without OpenTelemetry, too: its trace id is in the log
lines. Spans are made, and the SDK is loaded, only where OTEL_EXPORTER_OTLP_ENDPOINT or
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT names a collector. The SDK reads these and its other standard variables
(OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, ...) itself.

Handlers work in batches, and a span is known only when its batch is done. So its id is drawn first, with
`child`, to be passed on, and the span is made afterwards, with `record`.
"""

import os
from typing import TYPE_CHECKING

from kernel.telemetry.trace_context import Attributes, Kind, is_sampled, next_span

if TYPE_CHECKING:
    from kernel.telemetry.spans import Spans

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_spans: "Spans | None" = None


def set_up(service: str) -> None:
    """Begins to collect spans if the environment says where to. After a fork, not before it."""
    global _spans  # one a process, as of loggers
    if _spans is not None or not any(os.environ.get(name) for name in ENDPOINTS):
        return
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    from kernel.telemetry.spans import Spans

    _spans = Spans(service)


def tear_down() -> None:
    """Sends what is left, for a second or two at most, and makes no further spans."""
    global _spans  # the same
    ended, _spans = _spans, None
    if ended is not None:
        ended.close()


def spans() -> "Spans | None":
    """Where spans go; None where nobody collects them."""
    return _spans


def child(traceparent: str) -> str:
    """The context of a new span under this one, to be passed on; the same one where no spans are made."""
    return next_span(traceparent) if _spans is not None and traceparent else traceparent


def record(
    kind: Kind,
    name: str,
    traceparent: str,
    parent: str,
    started_ns: int,
    ended_ns: int,
    attributes: Attributes,
    failed: str = "",
) -> None:
    """Makes the span whose context `child(parent)` answered; `failed` says why, if it did.

    Nothing where spans are not collected, or where whoever began the trace did not sample it.
    """
    if _spans is not None and traceparent != parent and is_sampled(traceparent):
        _spans.record(kind, name, traceparent, parent, started_ns, ended_ns, attributes, failed)
