"""Rate limits: what a subject may send at once and over time."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from prometheus_client import REGISTRY
from werkzeug.test import TestResponse

from tests.edge.client import Edge, settings_for
from tests.edge.samples import BODIES
from tests.redis_server import RedisServer
from tests.support import eventually

CART = "/v1/carts/c1/items"
ITEM = BODIES["AddItemToCart"]
ENTRY = {"type": "AddItemToCart", "body": {"cartId": "c1"} | ITEM}

Limited = Callable[..., Edge]


@pytest.fixture
def limited(tmp_path: Path, redis_url: str, namespace: str) -> Limited:
    """An edge with a limit: commands a second, and at once."""

    def open_edge(rate: float, burst: int = 0, redis: str = redis_url) -> Edge:
        more = {"prism_rate_limit": rate, "prism_rate_burst": burst}
        return Edge(settings_for(tmp_path / "data", redis, namespace, **more))

    return open_edge


def statuses(edge: Edge, number: int, **how: Any) -> list[int]:  # noqa: ANN401 # as `post` takes it
    return [edge.post(CART, ITEM, **how).status_code for _ in range(number)]


def batch(edge: Edge, number: int, by: str = "alice") -> int:
    return edge.post("/v1/commands", {"commands": [ENTRY] * number}, by=by).status_code


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0


def test_past_the_burst_a_subject_waits_as_long_as_it_is_told(limited: Limited) -> None:
    edge = limited(rate=2, burst=4)
    refused_before = counted("prism_commands_rate_limited_total")
    assert statuses(edge, 4) == [202] * 4
    answer = edge.post(CART, ITEM)
    assert answer.status_code == 429
    assert answer.json
    assert answer.json["code"] == "RATE_LIMITED"
    assert int(answer.headers["Retry-After"]) == 1
    assert len(edge.queued()) == 4, "nothing of it was accepted"
    assert counted("prism_commands_rate_limited_total") == refused_before + 1
    time.sleep(int(answer.headers["Retry-After"]))  # what the header asks for is the test
    assert edge.post(CART, ITEM).status_code == 202


def test_a_subject_has_a_limit_of_its_own_whatever_its_token(limited: Limited) -> None:
    edge = limited(rate=0.01, burst=1)
    assert statuses(edge, 2, by="alice", roles=["shopper"]) == [202, 429]
    assert statuses(edge, 1, by="alice", roles=["shopper", "merchant"]) == [429]
    assert statuses(edge, 1, by="bob") == [202]


def test_processes_share_the_limit(limited: Limited) -> None:
    one, other = limited(rate=0.01, burst=3), limited(rate=0.01, burst=3)
    assert statuses(one, 2) + statuses(other, 2) == [202, 202, 202, 429]


def test_of_requests_at_the_same_time_no_more_than_the_burst_gets_through(limited: Limited) -> None:
    edge = limited(rate=0.01, burst=5)
    found: list[int] = []
    threads = [Thread(target=lambda: found.extend(statuses(edge, 4))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [202] * 5 + [429] * 11
    assert len(edge.queued()) == 5


def test_a_batch_costs_as_many_as_it_carries(limited: Limited) -> None:
    edge = limited(rate=0.01, burst=10)
    assert [batch(edge, 6), batch(edge, 6), batch(edge, 4), batch(edge, 1)] == [202, 429, 202, 429]
    assert len(edge.queued()) == 10


def test_a_batch_larger_than_the_burst_is_paid_for_with_time(limited: Limited) -> None:
    edge = limited(rate=100, burst=10)
    assert batch(edge, 50) == 202
    answer = edge.post(CART, ITEM)
    assert answer.status_code == 429
    # 40 commands too many, at 100 a second.
    eventually(lambda: edge.post(CART, ITEM).status_code == 202, 5)


def test_a_request_that_was_refused_holds_no_idempotency_key(limited: Limited) -> None:
    edge = limited(rate=2, burst=1)
    assert statuses(edge, 1) == [202]
    keyed = {"headers": {"Idempotency-Key": "k1"}}
    assert statuses(edge, 1, **keyed) == [429]
    eventually(lambda: edge.post(CART, ITEM, **keyed).status_code == 202)
    # The other request of that key was its first: this one has room again, and is its repeat.
    eventually(lambda: replayed(edge.post(CART, ITEM, **keyed)))
    assert len(edge.queued()) == 2


def replayed(answer: TestResponse) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


def test_reading_what_breaks_rules_and_nobody_s_requests_cost_nothing(limited: Limited) -> None:
    edge = limited(rate=0.01, burst=1)
    for _ in range(3):
        assert edge.get("/v1/orders").status_code == 200
        assert edge.post(CART, {"quantity": 0}).status_code == 422
        assert edge.post(CART, ITEM, by=None).status_code == 401
    assert statuses(edge, 2) == [202, 429]


def test_the_burst_is_twice_the_rate_unless_it_is_given(limited: Limited) -> None:
    assert statuses(limited(rate=3), 10).count(202) in (6, 7)
    assert statuses(limited(rate=0.01), 3, by="bob") == [202, 429, 429]


def test_with_redis_out_of_reach_nobody_is_held_back_and_that_is_counted(
    limited: Limited, own_redis: RedisServer
) -> None:
    edge = limited(rate=0.01, burst=1, redis=own_redis.url)
    assert statuses(edge, 2) == [202, 429]
    own_redis.stop()
    before = counted("prism_commands_unlimited_total")
    assert statuses(edge, 3) == [202] * 3
    assert counted("prism_commands_unlimited_total") == before + 3


def test_without_a_limit_redis_keeps_nothing_of_it(edge: Edge) -> None:
    assert statuses(edge, 5) == [202] * 5
    assert not edge.redis.keys(f"{edge.settings.prism_namespace}:rate:*")


def test_what_redis_keeps_of_a_subject_is_gone_when_nothing_is_owed(limited: Limited) -> None:
    edge = limited(rate=5, burst=5)
    statuses(edge, 3)
    [name] = edge.redis.keys(f"{edge.settings.prism_namespace}:rate:*")
    assert edge.redis.ttl(name) == 1
    eventually(lambda: not edge.redis.exists(name))
