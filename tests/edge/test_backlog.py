"""The backlog's limit: past it nothing is accepted, and below it again everything is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from werkzeug.test import TestResponse

from edge.backlog import FULL_S, Backlog
from kernel.embedded.storage import EmbeddedStorage
from kernel.queues import COMMANDS, COMMANDS_LATER
from tests.commands import add as add_item
from tests.commands import check_out, receive, register
from tests.edge.client import Edge, settings_for
from tests.edge.samples import BODIES
from tests.support import eventually

CART = "/v1/carts/c1/items"
ITEM = BODIES["AddItemToCart"]

Limited = Callable[[int], Edge]


@pytest.fixture
def limited(tmp_path: Path, redis_url: str, namespace: str) -> Limited:
    """An edge's process with a limit; those of a test share the queue."""
    return lambda limit: Edge(
        settings_for(tmp_path / "data", redis_url, namespace, prism_backlog_limit=limit)
    )


def add(edge: Edge, key: str = "") -> TestResponse:
    return edge.post(CART, ITEM, headers={"Idempotency-Key": key} if key else {})


def refused(answer: TestResponse) -> bool:
    if answer.status_code == 202:
        return False
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json
    assert answer.json["code"] == "BACKLOG_FULL"
    return True


def fill(edge: Edge) -> int:
    """Sends commands until one is refused; answers how many were accepted."""
    accepted = 0
    while not refused(add(edge)):
        accepted += 1
    return accepted


def once_there_is_room(send: Callable[[], TestResponse]) -> TestResponse:
    """The first answer that is no refusal."""
    answers: list[TestResponse] = []

    def answered() -> bool:
        answers.append(send())
        return not refused(answers[-1])

    eventually(answered)
    return answers[-1]


def counted() -> float:
    return REGISTRY.get_sample_value("prism_commands_refused_total", {"code": "BACKLOG_FULL"}) or 0


def asked() -> float:
    return REGISTRY.get_sample_value("prism_storage_calls_total", {"kind": "queue.depth"}) or 0


def test_past_the_limit_nothing_is_accepted_until_there_is_room(limited: Limited) -> None:
    edge = limited(20)
    accepted, before = fill(edge), counted()
    assert 20 <= accepted <= 21
    assert all(refused(add(edge)) for _ in range(5))
    assert counted() == before + 5
    assert len(edge.queued()) == accepted, "nothing of what was refused is there"
    edge.settle()
    eventually(lambda: not refused(add(edge)))
    assert len(edge.queued()) == 1


def test_processes_pass_the_limit_by_a_share_each(limited: Limited) -> None:
    one, other = limited(40), limited(40)
    accepted = 0
    # In turn, so that each asks when the other has put as much.
    while not (refused(add(one)) and refused(add(other))):
        accepted = one.storage.queue(COMMANDS).depth().messages
    assert 40 <= one.storage.queue(COMMANDS).depth().messages <= 40 + 2 * 3, accepted


def test_what_was_refused_holds_no_key_and_what_was_accepted_keeps_its_receipt(limited: Limited) -> None:
    edge = limited(20)
    receipt = add(edge, "k0").json
    fill(edge)
    assert refused(add(edge, "k1"))
    assert refused(add(edge, "k1")), "and not in flight"
    repeat = add(edge, "k0")
    assert (repeat.status_code, repeat.json) == (202, receipt), "a repeat waits for nothing"
    edge.settle()
    first = once_there_is_room(lambda: add(edge, "k1"))
    assert "Idempotency-Replayed" not in first.headers
    assert add(edge, "k1").headers["Idempotency-Replayed"] == "true"
    assert len(edge.queued()) == 1


def test_a_batch_is_refused_as_a_whole(limited: Limited) -> None:
    edge = limited(20)
    accepted, before = fill(edge), counted()
    entries = [
        {"type": "AddItemToCart", "body": {"cartId": "c2"} | ITEM, "idempotencyKey": f"k{number}"}
        for number in range(10)
    ]
    assert refused(edge.post("/v1/commands", {"commands": entries}))
    assert counted() == before + 10
    assert len(edge.queued()) == accepted
    edge.settle()
    answer = once_there_is_room(lambda: edge.post("/v1/commands", {"commands": entries}))
    assert answer.json
    assert [result["status"] for result in answer.json["results"]] == ["ACCEPTED"] * 10


def test_commands_that_wait_for_their_time_are_no_backlog(limited: Limited) -> None:
    edge = limited(4)
    edge.shop.do(register())
    edge.shop.do(receive(quantity=10))
    for number in range(10):
        edge.shop.do(add_item(f"o{number}"))
        edge.shop.do(check_out(f"o{number}"))
    assert edge.storage.queue(COMMANDS_LATER).depth().messages == 10, "payment windows"
    assert not refused(add(edge))


def test_the_depth_is_asked_for_once_a_share_and_without_a_limit_never(limited: Limited) -> None:
    edge, before = limited(400), asked()
    assert not any(refused(add(edge)) for _ in range(41))
    # Before the first command, then after every 20.
    assert asked() == before + 2
    free, before = limited(0), asked()
    assert not any(refused(add(free)) for _ in range(41))
    assert asked() == before


def test_while_it_is_full_the_depth_is_asked_for_once_a_second(tmp_path: Path) -> None:
    queue = EmbeddedStorage(str(tmp_path)).queue(COMMANDS)
    queue.put([b"waits"] * 10)
    now = 100.0
    backlog = Backlog(queue, 10, lambda: now)
    before = asked()
    assert not any(backlog.has_room(1) for _ in range(50))
    assert asked() == before + 1
    queue.delete(queue.receive())
    now += FULL_S * 0.9
    assert not backlog.has_room(1)
    now += FULL_S * 0.2
    assert backlog.has_room(1)
    assert asked() == before + 2
