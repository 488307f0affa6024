"""What stream_svc tells of itself, over HTTP and in its log."""

import json
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.redis_server import RedisServer
from tests.stream import given
from tests.stream.client import opened
from tests.stream.conftest import Start
from tests.stream.given import Projector
from tests.stream.process import StreamProcess
from tests.support import eventually


def metrics(process: StreamProcess) -> dict[str, float]:
    """The samples, by name and the labels' values."""
    headers = {"Authorization": f"Bearer {process.token('olga', 'operator')}"}
    answer = httpx.get(f"{process.url}/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    return {
        " ".join([sample.name, *(sample.labels[name] for name in sorted(sample.labels))]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def lines(process: StreamProcess) -> list[dict[str, Any]]:
    """The log, every line of which is JSON, gunicorn's too."""
    return [json.loads(line) for line in process.log().splitlines()]


def test_clients_messages_and_resets_are_counted(start: Start) -> None:
    process = start()
    projector = Projector(process.settings)
    with (
        opened(process.url, process.token(), "cart/c1") as stream,
        opened(process.url, process.token(), "products"),
    ):
        assert metrics(process)["prism_sse_clients"] == 2
        for version in (1, 2):
            projector.publish(given.cart("c1", version))
        assert stream.versions(2) == [1, 2]
        with opened(process.url, process.token(), "cart/c1", after="none.1-0.0"):
            eventually(lambda: metrics(process).get("prism_sse_resets_total UNKNOWN_CURSOR") == 1)
    told = metrics(process)

    # Two, and the reset.
    assert told["prism_sse_messages_total"] == 3
    assert told["prism_update_lag_seconds_count"] == 2
    assert told["prism_http_requests_total GET /v1/stream 200"] == 3
    eventually(lambda: metrics(process)["prism_sse_clients"] == 0)


def test_metrics_are_for_operators_and_of_this_service(stream_svc: StreamProcess) -> None:
    url = f"{stream_svc.url}/metrics"
    assert httpx.get(url).status_code == 401
    shopper = {"Authorization": f"Bearer {stream_svc.token()}"}
    assert httpx.get(url, headers=shopper).status_code == 403
    assert not [name for name in metrics(stream_svc) if name.startswith(("prism_commands", "prism_queue"))]


def test_what_is_delivered_is_told_with_its_trace(start: Start) -> None:
    process = start()
    projector = Projector(process.settings)
    event = given.event("cart-c1", 1)
    event.traceparent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    with opened(process.url, process.token(), "cart/c1") as stream:
        projector.deliver(
            given.delivery(
                given.cart("c1", 1), outcome=given.applied("command-7"), events=[event], command="command-7"
            )
        )
        assert stream.versions(1) == [1]

        [line] = eventually(lambda: [line for line in lines(process) if line["message"] == "delivered"])
    del line["time"], line["logger"]
    assert line == {
        "level": "INFO",
        "service": "stream_svc",
        "message": "delivered",
        "command_id": "command-7",
        "stream": "cart-c1",
        "event_ids": ["cart-c1:1"],
        "trace_id": "ab" * 16,
        "clients": 1,
    }
    assert "alice" not in process.log()


def test_redis_that_is_away_is_counted(start: Start, own_redis: RedisServer) -> None:
    process = start()
    own_redis.stop()

    eventually(lambda: metrics(process)["prism_redis_unavailable_total"] >= 2)
