"""What ports.Queue promises."""

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.ports import MAX_BODY_BYTES, MAX_DELAY_S, Message, Queue
from tests.engines.conftest import Engine
from tests.engines.racing import race
from tests.support import eventually


def bodies(messages: list[Message]) -> list[bytes]:
    return sorted(message.body for message in messages)


def drain(queue: Queue, into: list[bytes]) -> list[bytes]:
    while messages := queue.receive():
        queue.delete(messages)
        into += [message.body for message in messages]
    return into


def receive_again(engine: Engine, queue: Queue, after_s: float) -> list[Message]:
    engine.pass_time(after_s)
    return eventually(queue.receive)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(st.binary(max_size=200), max_size=5))
def test_every_body_that_is_put_is_received_as_it_was(engine: Engine, wanted: list[bytes]) -> None:
    queue = engine.storage.queue("round-trips")
    queue.put(wanted)
    assert sorted(drain(queue, [])) == sorted(wanted)


def test_the_largest_body_fits(queue: Queue) -> None:
    body = os.urandom(MAX_BODY_BYTES)
    queue.put([body])
    assert [message.body for message in queue.receive()] == [body]


def test_a_larger_body_is_refused_and_nothing_of_its_batch_is_queued(queue: Queue) -> None:
    with pytest.raises(ValueError, match="body"):
        queue.put([b"small", bytes(MAX_BODY_BYTES + 1)])
    assert queue.receive() == []


def test_a_received_message_is_invisible_until_its_time_is_up(engine: Engine, queue: Queue) -> None:
    before = time.time()
    queue.put([b"one"])
    (first,) = queue.receive(visibility_s=1)
    assert first.deliveries == 1
    # Azure says whole seconds.
    assert before - 1 <= first.put_at <= time.time()
    assert queue.receive() == []
    (second,) = receive_again(engine, queue, after_s=1)
    assert (second.id, second.body, second.deliveries, second.put_at) == (first.id, b"one", 2, first.put_at)
    assert second.receipt != first.receipt


def test_a_stale_delivery_can_neither_delete_nor_extend(engine: Engine, queue: Queue) -> None:
    queue.put([b"one"])
    stale = queue.receive(visibility_s=1)
    latest = receive_again(engine, queue, after_s=1)
    queue.delete(stale)
    assert queue.extend(stale, 0) == []
    assert queue.depth().messages == 1
    assert len(queue.extend(latest, 0)) == 1


def test_a_delivery_that_is_late_but_the_latest_still_deletes(engine: Engine, queue: Queue) -> None:
    queue.put([b"one"])
    late = queue.receive(visibility_s=1)
    engine.pass_time(1)
    eventually(queue.peek)
    queue.delete(late)
    assert queue.peek() == []


def test_a_deleted_message_is_gone_and_may_be_deleted_again(engine: Engine, queue: Queue) -> None:
    queue.put([b"one", b"two", b"three"])
    messages = queue.receive()
    queue.delete(messages[:2])
    queue.delete(messages[:2])
    assert queue.extend(messages[:2], 30) == []
    assert queue.depth().messages == 1


def test_a_delayed_message_comes_when_its_delay_is_over(engine: Engine, queue: Queue) -> None:
    queue.put([b"later"], delay_s=1)
    queue.put([b"now"])
    assert bodies(queue.receive()) == [b"now"]
    assert bodies(receive_again(engine, queue, after_s=1)) == [b"later"]


def test_a_delay_of_more_than_seven_days_is_refused(queue: Queue) -> None:
    queue.put([b"late"], delay_s=MAX_DELAY_S)
    for wrong in (MAX_DELAY_S + 1, -1):
        with pytest.raises(ValueError, match="delayed"):
            queue.put([b"too late"], delay_s=wrong)
    assert queue.depth().messages == 1


def test_extending_by_zero_gives_a_message_back_at_once(queue: Queue) -> None:
    queue.put([b"one"])
    received = queue.receive(visibility_s=60)
    assert bodies(queue.extend(received, 0)) == [b"one"]
    (again,) = queue.receive()
    assert (again.body, again.deliveries) == (b"one", 2)


def test_extending_hides_a_message_for_longer_and_renews_its_receipt(engine: Engine, queue: Queue) -> None:
    queue.put([b"long work"])
    received = queue.receive(visibility_s=1)
    extended = queue.extend(received, 30)
    # The second message comes when the first would have, had it not been extended.
    queue.put([b"the time is up"], delay_s=2)
    assert bodies(receive_again(engine, queue, after_s=2)) == [b"the time is up"]
    queue.delete(received)
    assert queue.depth().messages == 2
    queue.delete(extended)
    assert queue.depth().messages == 1


def test_at_most_the_limit_is_received_and_the_rest_later(queue: Queue) -> None:
    queue.put([bytes([i]) for i in range(40)])
    assert len(first := queue.receive(3)) == 3
    assert len(second := queue.receive()) == 32
    assert len(third := queue.receive()) == 5
    assert bodies(first + second + third) == [bytes([i]) for i in range(40)]


def test_limits_out_of_range_are_refused(queue: Queue) -> None:
    for wrong in (0, 33):
        with pytest.raises(ValueError, match="1 to 32"):
            queue.receive(wrong)
        with pytest.raises(ValueError, match="1 to 32"):
            queue.peek(wrong)


def test_peeking_leaves_messages_as_they_are(queue: Queue) -> None:
    queue.put([b"one"])
    (peeked,) = queue.peek()
    assert (peeked.body, peeked.receipt, peeked.deliveries) == (b"one", "", 0)
    queue.delete([peeked])
    assert queue.extend([peeked], 60) == []
    (received,) = queue.receive()
    assert (received.id, received.deliveries) == (peeked.id, 1)
    assert queue.peek() == []


def test_depth_tells_how_much_waits_and_for_how_long(engine: Engine, queue: Queue) -> None:
    queue.put([b"one", b"two"])
    engine.pass_time(1)
    assert queue.depth().messages == 2
    eventually(lambda: (queue.depth().oldest_age_s or 0) >= 1)
    queue.receive()
    assert queue.depth().oldest_age_s is None


def test_a_queue_without_messages_is_empty(queue: Queue) -> None:
    assert (queue.receive(), queue.peek(), queue.depth().messages) == ([], [], 0)
    assert queue.depth().oldest_age_s is None
    queue.put([])
    assert queue.receive() == []


def test_a_dead_letter_queue_is_a_queue_of_its_own(engine: Engine, queue: Queue) -> None:
    dead = engine.storage.queue("commands-dead")
    dead.put([b"dead"])
    assert queue.receive() == []
    assert bodies(dead.receive()) == [b"dead"]
    assert (queue.name, dead.name) == ("commands", "commands-dead")


def test_names_that_no_queue_can_have_are_refused(engine: Engine) -> None:
    for wrong in ("", "Commands", "a_b", "a--b", "-a", "a-", "a/b", "a" * 41):
        with pytest.raises(ValueError, match="name"):
            engine.storage.queue(wrong)


def test_competing_consumers_get_each_message_once(engine: Engine, queue: Queue) -> None:
    wanted = [str(i).encode() for i in range(120)]
    queue.put(wanted)
    taken = race(6, lambda _: drain(engine.storage.queue("commands"), []))
    assert sorted(body for each in taken for body in each) == sorted(wanted)
