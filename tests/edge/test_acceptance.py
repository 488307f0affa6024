"""An accepted command rests in the queue as it was sent, and nothing is accepted that does not."""

import re
import shutil
import time
import uuid
from pathlib import Path

import pytest

from tests.edge.client import Edge, settings_for
from tests.edge.samples import BODIES

CART = "/v1/carts/c1/items"
ITEM = BODIES["AddItemToCart"]
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_envelope_tells_who_what_and_when(edge: Edge) -> None:
    answer = edge.post(CART, ITEM, by="alice", roles=["shopper", "merchant"], headers={"traceparent": TRACE})
    [envelope] = edge.queued()
    assert answer.json
    assert envelope.id == answer.json["commandId"]
    assert uuid.UUID(envelope.id)
    assert envelope.type == "prism.cart.v1.AddItemToCart"
    assert envelope.stream == "cart-c1"
    assert envelope.subject == "alice"
    assert list(envelope.roles) == ["merchant", "shopper"]
    assert envelope.correlation_id == envelope.id
    assert envelope.causation_id == ""
    assert envelope.traceparent == TRACE
    assert abs(envelope.time.ToMilliseconds() / 1000 - time.time()) < 5
    assert not envelope.HasField("expected_version")


@pytest.mark.parametrize(
    "header", [None, "", "nonsense", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", TRACE + "-x"]
)
def test_a_command_without_a_trace_begins_one(edge: Edge, header: str | None) -> None:
    edge.post(CART, ITEM, headers={"traceparent": header} if header is not None else {})
    [envelope] = edge.queued()
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", envelope.traceparent)
    assert envelope.traceparent != header


@pytest.mark.parametrize(
    ("header", "version"), [('"7"', 7), ("7", 7), ('"0"', 0), ('"4294967295"', 2**32 - 1)]
)
def test_if_match_says_at_which_version(edge: Edge, header: str, version: int) -> None:
    assert edge.post(CART, ITEM, headers={"If-Match": header}).status_code == 202
    [envelope] = edge.queued()
    assert envelope.HasField("expected_version")
    assert envelope.expected_version == version


@pytest.mark.parametrize("header", ["*", 'W/"7"', '"7", "8"', "seven", '"-1"', '"4294967296"', '"', "", '"7'])
def test_if_match_takes_one_version(edge: Edge, header: str) -> None:
    answer = edge.post(CART, ITEM, headers={"If-Match": header})
    assert answer.status_code == 400
    assert not edge.queued()


def test_an_outcome_is_known_from_the_receipt_on(edge: Edge) -> None:
    answer = edge.post(CART, ITEM)
    assert answer.json
    outcome = edge.board.get(answer.json["commandId"])
    assert outcome
    assert outcome.subject == "alice"


def test_nothing_is_accepted_while_the_queue_is_out_of_reach(
    tmp_path: Path, redis_url: str, namespace: str
) -> None:
    folder = tmp_path / "data"
    edge = Edge(settings_for(folder, redis_url, namespace))
    assert edge.post(CART, ITEM).status_code == 202
    away = Edge(settings_for(tmp_path / "away", redis_url, namespace))
    # A folder where the queue's file belongs.
    (tmp_path / "away" / "queue-commands.db").mkdir(parents=True)
    headers = {"Idempotency-Key": "k1"}
    for _ in range(2):
        answer = away.post(CART, ITEM, headers=headers)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert answer.json
        assert answer.json["code"] == "QUEUE_UNAVAILABLE"
    batch = {"commands": [{"type": "AddItemToCart", "body": {"cartId": "c1"} | ITEM, "idempotencyKey": "k1"}]}
    assert away.post("/v1/commands", batch).status_code == 503
    shutil.rmtree(tmp_path / "away" / "queue-commands.db")
    answer = away.post(CART, ITEM, headers=headers)
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer.headers
    assert len(away.queued()) == 1
