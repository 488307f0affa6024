"""Redis is never the truth: without it the edge accepts and answers, and only forgets sooner."""

import time
from pathlib import Path

import pytest

from tests.edge import given
from tests.edge.client import Edge, settings_for
from tests.edge.samples import BODIES
from tests.redis_server import RedisServer
from tests.support import eventually

CART = "/v1/carts/c1/items"
ITEM = BODIES["AddItemToCart"]


@pytest.fixture
def edge(tmp_path: Path, own_redis: RedisServer, namespace: str) -> Edge:
    return Edge(settings_for(tmp_path / "data", own_redis.url, namespace))


def test_commands_are_accepted_and_waits_answer_the_receipt_at_once(
    edge: Edge, own_redis: RedisServer
) -> None:
    own_redis.stop()
    began = time.monotonic()
    answer = edge.post(CART, ITEM, headers={"Prefer": "wait=30", "Idempotency-Key": "k1"})
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers
    assert time.monotonic() - began < 10
    entries = [{"type": "AddItemToCart", "body": {"cartId": "c2"} | ITEM, "idempotencyKey": "k2"}]
    assert edge.post("/v1/commands", {"commands": entries}).status_code == 202
    assert len(edge.queued()) == 2


def test_a_repeat_stays_the_same_command(edge: Edge, own_redis: RedisServer) -> None:
    first = edge.post(CART, ITEM, headers={"Idempotency-Key": "k1"})
    own_redis.stop()
    again = edge.post(CART, ITEM, headers={"Idempotency-Key": "k1"})
    assert first.json == again.json


def test_views_are_answered_without_a_cursor(edge: Edge, own_redis: RedisServer) -> None:
    given.cart(edge, "c1", "alice")
    own_redis.stop()
    answer = edge.get("/v1/carts/c1")
    assert answer.status_code == 200
    assert "Prism-Stream-Cursor" not in answer.headers


def test_it_is_used_again_once_it_is_back(edge: Edge, own_redis: RedisServer) -> None:
    own_redis.stop()
    assert edge.post(CART, ITEM).status_code == 202
    own_redis.start()
    given.cart(edge, "c1", "alice")
    eventually(lambda: "Prism-Stream-Cursor" in edge.get("/v1/carts/c1").headers)
    for replayed in (False, True):
        answer = edge.post(CART, ITEM, headers={"Idempotency-Key": "k1"})
        assert ("Idempotency-Replayed" in answer.headers) is replayed


def test_readiness_names_what_is_away(edge: Edge, own_redis: RedisServer) -> None:
    parts = edge.get("/readyz", by=None).json
    assert parts
    assert parts["parts"]["redis"] == "SERVING"
    own_redis.stop()
    answer = edge.get("/readyz", by=None)
    assert answer.status_code == 503
    assert answer.json == {
        "status": "not ready",
        "parts": {
            "edge": "SERVING",
            "storage": "SERVING",
            "redis": "UNREACHABLE",
            "domain_svc": "UNREACHABLE",
            "projector_svc": "UNREACHABLE",
            "stream_svc": "UNREACHABLE",
        },
    }
    assert edge.get("/healthz", by=None).json == {"status": "ok"}
