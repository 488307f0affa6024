"""The same key and request have one effect and one receipt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.idempotency import Key, Keys, command_id, parse_key
from tests.edge.client import Edge
from tests.edge.samples import BODIES

CART = "/v1/carts/c1/items"
ITEM = BODIES["AddItemToCart"]


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def test_a_repeat_gets_the_same_receipt_and_is_not_queued_again(edge: Edge) -> None:
    first = edge.post(CART, ITEM, headers=keyed("k1"))
    again = edge.post(CART, ITEM, headers=keyed('"k1"'))
    assert first.status_code == again.status_code == 202
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(edge.queued()) == 1


def test_a_repeat_may_spell_the_request_otherwise(edge: Edge) -> None:
    edge.post(CART, {"productId": "mug", "quantity": 1}, headers=keyed("k1"))
    again = edge.post(CART, {"quantity": "1", "product_id": "mug"}, headers=keyed("k1"))
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        (CART, ITEM | {"quantity": 2}, {}),
        ("/v1/carts/c2/items", ITEM, {}),
        (CART, ITEM, {"If-Match": '"1"'}),
        ("/v1/carts/c1/checkout", BODIES["CheckOutCart"], {}),
    ],
)
def test_a_key_is_good_for_one_request(edge: Edge, path: str, body: object, headers: dict[str, str]) -> None:
    edge.post(CART, ITEM, headers=keyed("k1"))
    answer = edge.post(path, body, headers=keyed("k1") | headers)
    assert answer.status_code == 422
    assert answer.json
    assert answer.json["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(edge.queued()) == 1


def test_a_key_is_its_senders_own(edge: Edge) -> None:
    first = edge.post(CART, ITEM, by="alice", headers=keyed("k1"))
    other = edge.post(CART, ITEM, by="bob", headers=keyed("k1"))
    assert first.json
    assert other.json
    assert first.json["commandId"] != other.json["commandId"]


def test_without_a_key_every_request_is_a_new_command(edge: Edge) -> None:
    for _ in range(2):
        edge.post(CART, ITEM)
    assert len({envelope.id for envelope in edge.queued()}) == 2


def test_a_repeat_is_the_same_command_also_after_redis_forgot(edge: Edge) -> None:
    edge.post(CART, ITEM, headers=keyed("k1"))
    for name in edge.redis.scan_iter(f"{edge.settings.prism_namespace}:*"):
        edge.redis.delete(name)
    again = edge.post(CART, ITEM, headers=keyed("k1"))
    assert "Idempotency-Replayed" not in again.headers
    assert len(edge.queued()) == 2
    assert len({envelope.id for envelope in edge.queued()}) == 1


def test_a_key_in_flight_is_told_so(edge: Edge) -> None:
    edge.post(CART, ITEM, headers=keyed("k1"))
    [name] = edge.redis.scan_iter(f"{edge.settings.prism_namespace}:idempotency:*")
    done = edge.redis.get(name)
    assert isinstance(done, bytes)
    # As the first request left it before its command was queued.
    edge.redis.set(name, b"i" + done[1:], ex=10)
    answer = edge.post(CART, ITEM, headers=keyed("k1"))
    assert answer.status_code == 409
    assert answer.headers["Retry-After"]
    assert answer.json
    assert answer.json["code"] == "IDEMPOTENCY_KEY_IN_FLIGHT"


def test_keys_last_a_day_and_only_seconds_while_in_flight(edge: Edge) -> None:
    keys = Keys(edge.memory, edge.settings.prism_namespace)
    key = Key(command_id("alice", "k1"), b"fingerprint")
    assert keys.claim([key]) == [None]
    [name] = edge.redis.scan_iter(f"{edge.settings.prism_namespace}:idempotency:*")
    assert 0 < edge.redis.ttl(name) <= 10
    edge.post(CART, ITEM, headers=keyed("k2"))
    lives = [edge.redis.ttl(name) for name in edge.redis.scan_iter(f"{edge.settings.prism_namespace}:idem*")]
    assert 23 * 3600 < max(lives) <= 24 * 3600


def test_redis_keys_name_nobody(edge: Edge) -> None:
    edge.post(CART, ITEM, by="alice@example.com", headers=keyed("secret-key"))
    names = b" ".join(edge.redis.scan_iter(f"{edge.settings.prism_namespace}:*"))
    assert b"alice" not in names
    assert b"secret" not in names


def test_a_refused_request_takes_no_key(edge: Edge) -> None:
    assert edge.post(CART, ITEM | {"quantity": 0}, headers=keyed("k1")).status_code == 422
    assert edge.post(CART, ITEM, headers=keyed("k1")).status_code == 202


@pytest.mark.parametrize("key", ["", '""', "a" * 256, "t\u00e9a", '"' + "a" * 256 + '"'])
def test_what_is_no_key_is_malformed(edge: Edge, key: str) -> None:
    answer = edge.post(CART, ITEM, headers=keyed(key))
    assert answer.status_code == 400
    assert not edge.queued()


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255))
def test_quoted_or_not_is_the_same_key(key: str) -> None:
    if not (len(key) > 1 and key[0] == key[-1] == '"'):
        assert parse_key(f'"{key}"') == parse_key(key) == key
