"""What the edge tells of its requests: metrics, log lines, spans."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from kernel.telemetry import tracing
from tests.edge.client import Edge, settings_for
from tests.edge.samples import BODIES
from tests.otlp import Collector, collecting
from tests.redis_server import RedisServer

CART = "/v1/carts/c1/items"
ROUTE = "/v1/carts/{cart_id}/items"
ITEM = BODIES["AddItemToCart"]
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACE = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        tracing.set_up("edge")
        yield collector
        tracing.tear_down()


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def requests(method: str, route: str, status: int) -> float:
    return value("prism_http_requests_total", method=method, route=route, status=str(status))


@pytest.mark.parametrize(
    ("verb", "path", "route", "status"),
    [
        ("POST", CART, ROUTE, 202),
        ("GET", "/v1/carts/none", "/v1/carts/{cart_id}", 404),
        ("GET", "/nowhere/at/all", "none", 404),
        ("DELETE", CART, "none", 405),
    ],
)
def test_a_request_is_counted_by_its_route_not_by_its_path(
    edge: Edge, verb: str, path: str, route: str, status: int
) -> None:
    before = requests(verb, route, status)
    timed = value("prism_http_request_duration_seconds_count", method=verb, route=route)
    edge.call(verb, path, json=ITEM if verb == "POST" else None)

    assert requests(verb, route, status) == before + 1
    assert value("prism_http_request_duration_seconds_count", method=verb, route=route) == timed + 1


def test_a_method_that_nobody_knows_is_no_label(edge: Edge) -> None:
    before = requests("OTHER", "none", 405)
    edge.app.test_client().open(CART, method="BREW")
    edge.app.test_client().open(CART, method="STEEP")

    assert requests("OTHER", "none", 405) == before + 2


def test_only_what_is_queued_is_accepted(edge: Edge) -> None:
    def accepted() -> float:
        return value("prism_commands_accepted_total", type="AddItemToCart")

    before = accepted()
    for _ in range(2):
        edge.post(CART, ITEM, headers={"Idempotency-Key": "k1"})
    edge.post(CART, {"productId": ""})

    assert accepted() == before + 1


def test_accepted_commands_are_told_with_their_trace(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    entries = [{"type": "AddItemToCart", "body": {"cartId": cart} | ITEM} for cart in ("c1", "c2")]
    with caplog.at_level(logging.INFO, "edge"):
        edge.post("/v1/commands", {"commands": entries}, headers={"traceparent": TRACE})

    [record] = [record for record in caplog.records if record.getMessage() == "accepted"]
    assert record.prism_fields == [  # type: ignore[attr-defined] # what kernel.telemetry.log.each adds
        {
            "command_id": envelope.id,
            "stream": envelope.stream,
            "type": "AddItemToCart",
            "trace_id": TRACE_ID,
        }
        for envelope in edge.queued()
    ]


def test_the_envelope_carries_the_requests_span(edge: Edge, collector: Collector) -> None:
    edge.post(CART, ITEM, headers={"traceparent": TRACE})
    edge.post(CART, {"productId": ""})
    edge.get("/nowhere")
    tracing.tear_down()

    # The test's client reads the API's description now and then.
    first, refused, nowhere = (span for span in collector.spans if span.name != "GET /openapi.json")
    [envelope] = edge.queued()
    assert envelope.traceparent == f"00-{TRACE_ID}-{first.id}-01"
    assert (first.name, first.parent, first.service) == (f"POST {ROUTE}", "00f067aa0ba902b7", "edge")
    assert first.attributes == {
        "http.request.method": "POST",
        "http.route": ROUTE,
        "http.response.status_code": 202,
        "prism.commands": 1,
        "prism.command_id": envelope.id,
        "prism.stream": "cart-c1",
        "prism.type": "AddItemToCart",
    }
    assert refused.attributes["http.response.status_code"] == 422
    assert (nowhere.name, nowhere.parent) == ("GET", "")


def test_redis_that_is_away_is_counted(tmp_path: Path, own_redis: RedisServer, namespace: str) -> None:
    edge = Edge(settings_for(tmp_path / "data", own_redis.url, namespace))
    own_redis.stop()
    before = value("prism_redis_unavailable_total")
    edge.post(CART, ITEM)

    assert value("prism_redis_unavailable_total") > before


def test_metrics_are_for_operators(edge: Edge) -> None:
    assert edge.get("/metrics", by=None).status_code == 401
    assert edge.get("/metrics", roles=["merchant"]).status_code == 403
    text = edge.get("/metrics", roles=["operator"]).text
    assert "prism_commands_accepted_total" in text
    assert "prism_commands_decided_total" not in text
