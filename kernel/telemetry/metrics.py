"""Every metric of Prism, with its kind and meaning. docs/operations.md has them as a table.

Labels have few values: names of queues, types, routes, codes; never an id. A label's child is bound once
and kept (`bound`), for looking it up costs more than counting.
"""

import logging
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

logger = logging.getLogger(__name__)

EDGE, DOMAIN, PROJECTOR, STREAM = "edge", "domain_svc", "projector_svc", "stream_svc"
HTTP = (EDGE, STREAM)
CONSUMERS = (DOMAIN, PROJECTOR)
GRPC = (DOMAIN, PROJECTOR, STREAM)
EVERYWHERE = (EDGE, DOMAIN, PROJECTOR, STREAM)

# Half a millisecond, what a command takes on an idle machine, to half a minute, when nobody waits any more.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# A batch has at most 32 messages.
SIZES = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric as it is documented."""

    # As Prometheus knows it.
    name: str
    kind: str
    labels: tuple[str, ...]
    # Who serves it.
    services: tuple[str, ...]
    meaning: str


DECLARED: list[Declared] = []

# When a child was made: a series more for each, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call] # untyped there


class ManyHistogram(Histogram):
    """A histogram that takes a batch's values at a third of the cost of one after the other."""

    def observe_all(self, values: Collection[float]) -> None:
        """The same as `observe` of each."""
        assert self._is_observable(), "its labels have values"  # type: ignore[no-untyped-call] # untyped there
        for place, number in Tally(bisect_left(self._upper_bounds, value) for value in values).items():
            self._buckets[place].inc(number)
        self._sum.inc(sum(values))


Child = TypeVar("Child", Counter, ManyHistogram)


def _counter(name: str, meaning: str, services: tuple[str, ...], *labels: str) -> Counter:
    DECLARED.append(Declared(f"{name}_total", "counter", labels, services, meaning))
    return Counter(name, meaning, labels)


def _histogram(
    name: str,
    meaning: str,
    services: tuple[str, ...],
    *labels: str,
    buckets: tuple[float, ...] = SECONDS,
) -> ManyHistogram:
    DECLARED.append(Declared(name, "histogram", labels, services, meaning))
    return ManyHistogram(name, meaning, labels, buckets=buckets)


def _gauge(name: str, meaning: str, services: tuple[str, ...], *labels: str) -> str:
    """A gauge that kernel.telemetry.queue_depths, or its service, asks for when it is scraped."""
    DECLARED.append(Declared(name, "gauge", labels, services, meaning))
    return name


# HTTP. `route` is a route's template, `none` for a path without one.
HTTP_REQUESTS = _counter("prism_http_requests", "Answered requests", HTTP, "route", "method", "status")
HTTP_SECONDS = _histogram(
    "prism_http_request_duration_seconds",
    "From a request's arrival to its answer, waiting included; of a stream, to its opening",
    HTTP,
    "route",
    "method",
)

# A command's way. `type` is the short name of a command's or an event's message.
COMMANDS_ACCEPTED = _counter("prism_commands_accepted", "Commands durably queued", (EDGE,), "type")
COMMANDS_DECIDED = _counter(
    "prism_commands_decided",
    "Commands decided (`APPLIED`, `REJECTED`), or that nobody could decide (`FAILED`); repeats not counted",
    (DOMAIN,),
    "type",
    "status",
)
DECISION_SECONDS = _histogram(
    "prism_command_decision_seconds",
    "From a command's acceptance to its commit in the event store",
    (DOMAIN,),
)
EVENTS_APPENDED = _counter("prism_events_appended", "Events in the event store", (DOMAIN,), "type")
APPEND_CONFLICTS = _counter(
    "prism_append_conflicts", "Commits whose place another writer took first: decided again", (DOMAIN,)
)
PROJECTION_LAG = _histogram(
    "prism_projection_lag_seconds",
    "From an event's time to its views saved",
    (PROJECTOR,),
    "subscriber",
)
PROJECTED_SECONDS = _histogram(
    "prism_command_projected_seconds", "From a command's acceptance to its views saved", (PROJECTOR,)
)

# Queues. `queue` is a consumer's queue; its dead letters are in a queue of their own.
BATCH_MESSAGES = _histogram("prism_batch_messages", "Messages of a batch", CONSUMERS, "queue", buckets=SIZES)
BATCH_SECONDS = _histogram(
    "prism_batch_handling_seconds", "Handling of a batch, deletion included", CONSUMERS, "queue"
)
HANDLED = _counter("prism_messages_handled", "Messages handled and deleted", CONSUMERS, "queue")
RETRIED = _counter("prism_messages_retried", "Messages given back to be tried again", CONSUMERS, "queue")
DEAD_LETTERED = _counter("prism_messages_dead_lettered", "Dead letters written", CONSUMERS, "queue")
LEFT = _counter("prism_messages_left", "Messages left for a replica of a newer release", CONSUMERS, "queue")
# Calls of `queue.receive` that brought nothing: a consumer's polls while nothing is to be done.
EMPTY_RECEIVES = _counter("prism_empty_receives", "Receives that found no message", CONSUMERS)
QUEUE_MESSAGES = _gauge("prism_queue_messages", "Messages that wait", CONSUMERS, "queue")
QUEUE_AGE = _gauge(
    "prism_queue_oldest_age_seconds", "Age of the oldest message that waits, 0 for none", CONSUMERS, "queue"
)
DEAD_LETTERS = _gauge("prism_dead_letters", "Dead letters that wait for an operator", CONSUMERS, "queue")

# Streams.
SSE_CLIENTS = _gauge("prism_sse_clients", "Open streams", (STREAM,))
SSE_MESSAGES = _counter("prism_sse_messages", "Messages sent to clients, heartbeats aside", (STREAM,))
SSE_RESETS = _counter(
    "prism_sse_resets", "Times that a client was told to fetch anew what it shows", (STREAM,), "reason"
)
UPDATE_LAG = _histogram(
    "prism_update_lag_seconds", "From an update's entry in Redis to its clients' queues", (STREAM,)
)

# Calls to a storage engine, by kind (`queue.put`, `events.append`, ...). On the embedded engine a
# call is one transaction; on Azure it is one HTTP request, repeats by the retry policy not counted.
STORAGE_CALLS = _counter("prism_storage_calls", "Calls to the storage engine", EVERYWHERE, "kind")
STORAGE_SECONDS = _histogram(
    "prism_storage_call_duration_seconds",
    "Calls to the storage engine, failed ones included",
    EVERYWHERE,
    "kind",
)
REDIS_UNAVAILABLE = _counter(
    "prism_redis_unavailable", "Uses of Redis that were given up because it was out of reach", EVERYWHERE
)
COMMANDS_REFUSED = _counter(
    "prism_commands_refused", "Commands that were not queued, or not for certain", (EDGE,), "code"
)
LIMITED = _counter("prism_commands_rate_limited", "Commands refused by the rate limit", (EDGE,))
UNLIMITED = _counter(
    "prism_commands_unlimited", "Commands let through by a rate limit that could not ask Redis", (EDGE,)
)
ADMIN_CALLS = _counter("prism_admin_calls", "Calls of the admin plane over gRPC", GRPC, "method", "code")


class Uncounted:
    """A child that there was no room for."""

    def inc(self, _amount: float = 1) -> None:
        """Counts nothing."""

    def observe(self, _value: float) -> None:
        """Counts nothing."""

    def observe_all(self, _values: Collection[float]) -> None:
        """Counts nothing."""


def bound(metric: Child) -> Callable[..., Child]:
    """A metric's `labels`, each child looked up once.

    The edge counts in files, whose disk may be full: what they have no room for is not counted until its
    process starts again, and fails nobody.
    """

    @cache
    def child(*values: str) -> Child:
        try:
            return metric.labels(*values)
        except Exception:  # whatever a file that cannot grow leaves behind
            logger.exception("there is no room to count %s %s", metric, values)
            return cast("Child", Uncounted())

    return child


def of_service(service: str, registry: CollectorRegistry = REGISTRY) -> CollectorRegistry:
    """What a registry has of a service's metrics, and of others' than Prism's (of the process, of Python)."""
    theirs = {family_of(metric) for metric in DECLARED if service not in metric.services}
    chosen = CollectorRegistry()
    chosen.register(_Chosen(registry, theirs))
    return chosen


def family_of(metric: Declared) -> str:
    """The name that prometheus_client collects a metric under."""
    return metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name


def storage_calls() -> dict[str, int]:
    """This process's storage calls since its start, by kind; receives that brought nothing apart."""
    calls = {sample.labels["kind"]: int(sample.value) for sample in _totals(STORAGE_CALLS)}
    empty = sum(int(sample.value) for sample in _totals(EMPTY_RECEIVES))
    return calls | {"queue.receive": calls.get("queue.receive", 0) - empty, "queue.receive.empty": empty}


class _Chosen:
    """A collector: another registry's metrics, without some."""

    def __init__(self, registry: CollectorRegistry, left_out: set[str]) -> None:
        self._registry = registry
        self._left_out = left_out

    def describe(self) -> list[Any]:
        """Nothing: so that it is not asked for its metrics before a scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            if metric.name not in self._left_out:
                yield metric


def _totals(counter: Counter) -> Iterator[Sample]:
    for metric in counter.collect():
        yield from (sample for sample in metric.samples if sample.name.endswith("_total"))
