"""The worker loop: nothing is lost, whatever a handler does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernel import consumer as consuming
from kernel.consumer import MAX_DELIVERIES, Consumer
from kernel.dead_letters import DeadLetters
from kernel.embedded.storage import EmbeddedStorage
from kernel.errors import StorageUnavailable
from kernel.handler import DeadLetter, Handler, Left, Unsettled
from kernel.lease import Lease
from kernel.ports import Message
from prism.envelope.v1 import envelope_pb2
from tests.support import eventually


@pytest.fixture
def storage(tmp_path: Path) -> EmbeddedStorage:
    return EmbeddedStorage(str(tmp_path))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consuming, "RETRY_S", (0.01, 0.02))
    monkeypatch.setattr(consuming, "POLL_S", (0.02, 0.05))


@contextmanager
def running(storage: EmbeddedStorage, handle: Handler) -> Iterator[Consumer]:
    consumer = Consumer(storage.queue("work"), DeadLetters(storage, "work"), handle)
    consumer.start()
    try:
        yield consumer
    finally:
        assert consumer.stop()


class Recorder:
    """A handler that keeps what it handled, after `fail` has had its say on each message."""

    def __init__(self, fail: Callable[[Message], None] = lambda message: None) -> None:
        self.handled: list[bytes] = []
        self.batches: list[int] = []
        self._fail = fail

    def __call__(self, messages: Sequence[Message]) -> list[DeadLetter]:
        for message in messages:
            self._fail(message)
        self.batches.append(len(messages))
        self.handled.extend(message.body for message in messages)
        return []


def dead_letters(storage: EmbeddedStorage) -> list[envelope_pb2.DeadLetter]:
    return list(DeadLetters(storage, "work").page().values())


def test_messages_are_handled_and_deleted(storage: EmbeddedStorage) -> None:
    handler = Recorder()
    storage.queue("work").put([b"1", b"2", b"3"])
    with running(storage, handler) as consumer:
        eventually(lambda: consumer.status().handled == 3)
        assert handler.batches == [3]
        assert storage.queue("work").depth().messages == 0


def test_a_ring_wakes_it(storage: EmbeddedStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consuming, "POLL_S", (60.0, 60.0))
    handler = Recorder()
    with running(storage, handler) as consumer:
        eventually(lambda: consumer.alive)
        storage.queue("work").put([b"1"])
        consumer.ring()
        eventually(lambda: handler.handled == [b"1"])


def test_without_a_bell_it_polls(storage: EmbeddedStorage) -> None:
    handler = Recorder()
    with running(storage, handler):
        storage.queue("work").put([b"1"])
        eventually(lambda: handler.handled == [b"1"])


def test_while_storage_is_away_messages_come_again_and_are_never_set_aside(storage: EmbeddedStorage) -> None:
    tries = []

    def away(message: Message) -> None:
        tries.append(message)
        if len(tries) <= MAX_DELIVERIES + 2:
            raise StorageUnavailable("away")

    handler = Recorder(away)
    storage.queue("work").put([b"1"])
    with running(storage, handler):
        eventually(lambda: handler.handled == [b"1"])
    assert dead_letters(storage) == []


def test_a_defect_sets_its_message_aside_and_spares_the_others(storage: EmbeddedStorage) -> None:
    def stumble(message: Message) -> None:
        if message.body == b"bad":
            raise ZeroDivisionError("oops")

    handler = Recorder(stumble)
    storage.queue("work").put([b"1", b"bad", b"2"])
    with running(storage, handler) as consumer:
        eventually(lambda: consumer.status().dead_lettered == 1)
    assert sorted(handler.handled) == [b"1", b"2"]
    [letter] = dead_letters(storage)
    assert (letter.body, letter.queue, letter.deliveries) == (b"bad", "work", MAX_DELIVERIES)
    assert letter.reason == "ZeroDivisionError: oops"
    assert storage.queue("work").depth().messages == 0


def test_a_defect_that_passes_loses_nothing(storage: EmbeddedStorage) -> None:
    def stumble_twice(message: Message) -> None:
        if message.deliveries <= 2:
            raise ZeroDivisionError("oops")

    handler = Recorder(stumble_twice)
    storage.queue("work").put([b"1"])
    with running(storage, handler):
        eventually(lambda: handler.handled == [b"1"])
    assert dead_letters(storage) == []


def test_what_a_handler_calls_dead_is_set_aside_with_its_reason(storage: EmbeddedStorage) -> None:
    storage.queue("work").put([b"x" * 49_152])
    with running(storage, lambda messages: [DeadLetter(messages[0].body, "too odd")]):
        eventually(lambda: len(dead_letters(storage)) == 1)
    [letter] = dead_letters(storage)
    assert letter.reason == "too odd"
    assert len(letter.body) > 48_000


def test_its_status_tells_what_waits_for_operators_and_what_came_again(storage: EmbeddedStorage) -> None:
    def stumble_once(message: Message) -> None:
        if message.body == b"bad" or message.deliveries == 1:
            raise ZeroDivisionError("oops")

    handler = Recorder(stumble_once)
    storage.queue("work").put([b"1", b"bad"])
    with running(storage, handler) as consumer:
        eventually(lambda: consumer.status().dead_letters == 1)
        # Once for the first, and every time but the last for the other.
        assert consumer.status().retried == 1 + MAX_DELIVERIES - 1
        [id_] = DeadLetters(storage, "work").page()
        DeadLetters(storage, "work").discard([id_])
        assert (consumer.status().dead_letters, consumer.status().dead_lettered) == (0, 1)


def test_what_a_handler_leaves_comes_back_until_someone_takes_it(
    storage: EmbeddedStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(consuming, "LEAVE_S", 0.02)
    newer: list[bool] = []
    handled: list[bytes] = []

    def leave(messages: Sequence[Message]) -> list[Unsettled]:
        left = [m for m in messages if m.body.startswith(b"new") and not newer]
        handled.extend(m.body for m in messages if m not in left)
        return [Left(b"new, left", ("prism.new.Thing",)) for m in left]

    storage.queue("work").put([b"old", b"new"])
    with running(storage, leave) as consumer:
        # More rounds than deliveries that a defect has.
        eventually(lambda: consumer.status().left > MAX_DELIVERIES)
        assert handled == [b"old"]
        assert list(consumer.status().unknown_types) == ["prism.new.Thing"]
        newer.append(True)
        eventually(lambda: handled == [b"old", b"new, left"])
        eventually(lambda: storage.queue("work").depth().messages == 0)
    assert dead_letters(storage) == []
    # A warning a type and minute, not one a round.
    assert len([r for r in caplog.records if "prism.new.Thing" in r.getMessage()]) == 1


def test_what_is_left_is_hidden_for_a_while(storage: EmbeddedStorage) -> None:
    storage.queue("work").put([b"1"])
    with running(storage, lambda messages: [Left(b"1", ("prism.new.Thing",))]) as consumer:
        eventually(lambda: consumer.status().left == 1)
        assert storage.queue("work").peek() == []
        assert storage.queue("work").depth().messages == 1


def test_a_paused_consumer_leaves_messages_where_they_are(storage: EmbeddedStorage) -> None:
    handler = Recorder()
    with running(storage, handler) as consumer:
        consumer.pause()
        storage.queue("work").put([b"1"])
        eventually(lambda: consumer.status().paused and consumer.status().depth == 1)
        assert handler.handled == []
        consumer.resume()
        eventually(lambda: handler.handled == [b"1"])


def test_stopping_finishes_the_batch_at_hand(storage: EmbeddedStorage) -> None:
    handler = Recorder()
    storage.queue("work").put([b"1"])
    with running(storage, handler) as consumer:
        eventually(lambda: handler.handled)
        assert consumer.stop()
        assert not consumer.alive
    assert storage.queue("work").depth().messages == 0


def test_a_batch_that_takes_long_stays_hidden(storage: EmbeddedStorage) -> None:
    queue = storage.queue("work")
    queue.put([b"1", b"2"])
    lease = Lease(queue, visibility_s=0.3)
    lease.start()
    first = queue.receive(visibility_s=0.3)
    with lease.hold(first):
        # Twice renewed: without that both would be visible by now.
        eventually(
            lambda: all(m.receipt != f.receipt for m, f in zip(lease.current(first), first, strict=True))
        )
        renewed = lease.current(first)
        eventually(lambda: lease.current(first) != renewed)
        assert queue.receive() == []
        queue.delete(lease.current(first))
    lease.close()
    assert queue.depth().messages == 0
