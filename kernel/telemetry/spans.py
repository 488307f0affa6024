"""Spans by OpenTelemetry. Imported by kernel.telemetry.tracing alone, and only where a collector is configured: it
takes 10 MiB and a quarter of a second."""

import logging
import os
import threading
import time

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from kernel import VERSION
from kernel.telemetry.trace_context import Attributes, Kind, is_traceparent

# What the end of a process waits for spans to be sent; a collector that is away gets none.
FLUSH_S = 1.5
# How often the log says that spans cannot be sent.
SAY_EVERY_S = 60.0

logger = logging.getLogger(__name__)


class Spans:
    """Makes this process's spans and has them sent, by a thread of its own.

    A collector that is slow or away costs spans, nothing else: the newest 2,048 wait for it.
    """

    def __init__(self, service: str) -> None:
        _hear_seldom()
        own = {"service.version": VERSION}
        if not os.environ.get("OTEL_SERVICE_NAME"):
            own["service.name"] = service
        self._ids = _Ids()
        self._provider = TracerProvider(
            resource=Resource.create(own), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("prism", VERSION)

    def start(self, name: str, parent: str | None, attributes: Attributes) -> Span:
        """The span of a request that begins now, under the context that came with it, if one did."""
        return self._tracer.start_span(name, _context(parent), SpanKind.SERVER, attributes)

    @staticmethod
    def context_of(span: Span) -> str:
        """A span's context as envelopes carry it."""
        context = span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def record(
        self,
        kind: Kind,
        name: str,
        traceparent: str,
        parent: str,
        started_ns: int,
        ended_ns: int,
        attributes: Attributes,
        failed: str,
    ) -> None:
        """A span that is over, with the id that its `traceparent` says."""
        self._ids.draw_next(int(traceparent[36:52], 16))
        context = _context(parent)
        span = self._tracer.start_span(name, context, SpanKind[kind], attributes, start_time=started_ns)
        if failed:
            span.set_status(Status(StatusCode.ERROR, failed))
        span.end(ended_ns)

    def close(self) -> None:
        """Sends what is left, as far as the collector takes it within FLUSH_S."""
        # In a thread that nobody waits for longer: the exporter itself would go on trying.
        closing = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        closing.start()
        closing.join(FLUSH_S)


def _context(parent: str | None) -> Context:
    if not parent or not is_traceparent(parent):
        return Context()
    remote = SpanContext(
        int(parent[3:35], 16), int(parent[36:52], 16), True, TraceFlags(int(parent[53:55], 16))
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(remote), Context())


class _Ids(RandomIdGenerator):
    """Ids at random, but for a span whose id was drawn before it was made."""

    def __init__(self) -> None:
        self._drawn = threading.local()

    def draw_next(self, span_id: int) -> None:
        """The next span of this thread has this id."""
        self._drawn.span_id = span_id

    def generate_span_id(self) -> int:
        """The next span's id."""
        drawn: int = self._drawn.__dict__.pop("span_id", 0)
        return drawn or super().generate_span_id()


def _hear_seldom() -> None:
    """What OpenTelemetry logs, of a collector that is away above all, is told once in SAY_EVERY_S."""
    library = logging.getLogger("opentelemetry")
    library.propagate = False
    library.handlers = [_Seldom()]


class _Seldom(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said_at = -SAY_EVERY_S

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now - self._said_at >= SAY_EVERY_S:
            self._said_at = now
            logger.warning("spans may be lost: %s", record.getMessage()[:300])
