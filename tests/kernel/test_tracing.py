"""Spans, received by a collector of OTLP over HTTP; and that nothing is paid where there is none."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from kernel.telemetry import tracing
from kernel.telemetry.trace_context import is_sampled, is_traceparent, trace_id_of, trace_of
from tests.otlp import Collector, collecting

ROOT = Path(__file__).parent.parent.parent
PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"
UNSAMPLED = f"00-{'ab' * 16}-{'cd' * 8}-00"


@pytest.fixture(autouse=True)
def _none_is_left_on() -> Iterator[None]:
    yield
    tracing.tear_down()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        yield collector


def test_without_a_collector_the_context_is_passed_on_and_nothing_is_made() -> None:
    tracing.set_up("domain_svc")

    assert tracing.spans() is None
    assert tracing.child(PARENT) == PARENT
    tracing.record("CONSUMER", "decide", PARENT, PARENT, 1, 2, {})


def test_without_a_collector_no_service_loads_the_sdk() -> None:
    program = """
import sys
import domain_svc.__main__, projector_svc.__main__, stream_svc.server, edge.app, edge.server
from kernel.telemetry import tracing
tracing.set_up("edge")
# redis loads the part for metrics where it is installed.
assert "kernel.telemetry.spans" not in sys.modules
assert not [name for name in sys.modules if name.startswith(("opentelemetry.sdk.trace", "opentelemetry.exporter"))]
"""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'generated'}"}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, check=True)


def test_a_span_is_the_one_whose_context_was_passed_on(collector: Collector) -> None:
    tracing.set_up("domain_svc")
    context = tracing.child(PARENT)
    below = tracing.child(context)
    tracing.record(
        "CONSUMER", "decide AddItemToCart", context, PARENT, 10**18, 10**18 + 5, {"prism.type": "x"}
    )
    tracing.record("PRODUCER", "send", below, context, 10**18 + 2, 10**18 + 3, {}, "FAILED")
    tracing.tear_down()

    decide, send = collector.spans
    assert (decide.service, decide.name, decide.parent) == ("domain_svc", "decide AddItemToCart", "cd" * 8)
    assert context == f"00-{decide.trace_id}-{decide.id}-01"
    assert send.parent == decide.id
    assert decide.attributes == {"prism.type": "x"}
    assert (decide.span.start_time_unix_nano, decide.span.end_time_unix_nano) == (10**18, 10**18 + 5)
    assert (decide.span.kind, send.span.kind) == (
        decide.span.SPAN_KIND_CONSUMER,
        decide.span.SPAN_KIND_PRODUCER,
    )
    assert (decide.span.status.code, send.span.status.code) == (0, send.span.status.STATUS_CODE_ERROR)


def test_a_request_begins_a_trace_or_goes_on_with_its_senders(collector: Collector) -> None:
    tracing.set_up("edge")
    spans = tracing.spans()
    assert spans
    first, second = spans.start("GET", None, {}), spans.start("GET", PARENT, {})
    contexts = [spans.context_of(first), spans.context_of(second)]
    first.end()
    second.end()
    tracing.tear_down()

    assert all(is_traceparent(context) and is_sampled(context) for context in contexts)
    assert [trace_id_of(context) for context in contexts] == [span.trace_id for span in collector.spans]
    assert collector.spans[1].trace_id == "ab" * 16


def test_a_trace_that_its_sender_does_not_want_is_not_collected(collector: Collector) -> None:
    tracing.set_up("edge")
    spans = tracing.spans()
    assert spans
    request = spans.start("GET", UNSAMPLED, {})
    context = spans.context_of(request)
    request.end()
    tracing.record("CONSUMER", "decide", tracing.child(context), context, 1, 2, {})
    tracing.tear_down()

    assert not is_sampled(context)
    assert trace_id_of(context) == "ab" * 16
    assert not collector.spans


def test_the_services_name_can_be_said(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-3")
    tracing.set_up("domain_svc")
    tracing.record("CONSUMER", "decide", tracing.child(PARENT), PARENT, 1, 2, {})
    tracing.tear_down()

    assert collector.spans[0].service == "shop-3"


def test_it_can_be_switched_off(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracing.set_up("domain_svc")

    assert tracing.spans() is None


def test_a_collector_that_hangs_costs_nothing_but_spans(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        tracing.set_up("domain_svc")
        began = time.monotonic()
        for _ in range(6000):
            tracing.record("CONSUMER", "decide", tracing.child(PARENT), PARENT, 1, 2, {})
        recorded = time.monotonic()
        tracing.tear_down()
        ended = time.monotonic()

    # More than are kept: the oldest are dropped, and nobody waits.
    assert recorded - began < 5
    assert ended - recorded < 4
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


def test_spans_of_threads_keep_their_ids_apart(collector: Collector) -> None:
    tracing.set_up("domain_svc")
    contexts: list[str] = []

    def work() -> None:
        for _ in range(100):
            context = tracing.child(PARENT)
            tracing.record("CONSUMER", "decide", context, PARENT, 1, 2, {})
            contexts.append(context)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tracing.tear_down()

    assert {f"00-{span.trace_id}-{span.id}-01" for span in collector.spans} == set(contexts)
    assert len(set(contexts)) == 400


@pytest.mark.parametrize(
    "header", [None, "", "00-xyz", "x" * 5000, PARENT.upper(), f"{PARENT}\n", "00" + "0" * 53]
)
def test_what_is_no_trace_context_is_replaced_by_a_new_one(header: str | None) -> None:
    made = trace_of(header)
    assert is_traceparent(made)
    assert is_sampled(made)
    assert trace_of(header) != made
    assert trace_of(PARENT) == PARENT
