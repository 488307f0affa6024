"""What a consumer counts of its queue."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from kernel import consumer as consuming
from kernel.consumer import Consumer
from kernel.dead_letters import DeadLetters
from kernel.embedded.storage import EmbeddedStorage
from kernel.errors import Poison, StorageUnavailable
from kernel.handler import Handler, Left, Unsettled
from kernel.ports import Message
from tests.support import eventually


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedStorage:
    monkeypatch.setattr(consuming, "RETRY_S", (0.01, 0.02))
    return EmbeddedStorage(str(tmp_path))


def value(name: str, queue: str) -> float:
    return REGISTRY.get_sample_value(name, {"queue": queue}) or 0.0


def consume(storage: EmbeddedStorage, queue: str, handle: Handler, bodies: list[bytes]) -> None:
    """Has a handler handle messages until the queue is empty. Each test has a queue of its own."""
    storage.queue(queue).put(bodies)
    consumer = Consumer(storage.queue(queue), DeadLetters(storage, queue), handle)
    consumer.start()
    eventually(lambda: storage.queue(queue).depth().messages == 0 and not consumer.status().in_flight)
    assert consumer.stop()


def test_what_is_handled_is_counted_by_message_and_timed_by_batch(storage: EmbeddedStorage) -> None:
    consume(storage, "handled", lambda messages: [], [b"1", b"2", b"3"])

    assert value("prism_messages_handled_total", "handled") == 3
    assert value("prism_batch_messages_count", "handled") == 1
    assert value("prism_batch_messages_sum", "handled") == 3
    assert value("prism_batch_handling_seconds_count", "handled") == 1
    assert value("prism_batch_handling_seconds_sum", "handled") > 0
    assert value("prism_messages_retried_total", "handled") == 0


def test_what_is_tried_again_is_counted(storage: EmbeddedStorage) -> None:
    failures = [StorageUnavailable("away"), StorageUnavailable("away")]

    def handle(messages: Sequence[Message]) -> Sequence[Unsettled]:
        if failures:
            raise failures.pop()
        return []

    consume(storage, "retried", handle, [b"1", b"2"])

    assert value("prism_messages_retried_total", "retried") == 4
    assert value("prism_messages_handled_total", "retried") == 2
    assert value("prism_batch_messages_count", "retried") == 3


def test_dead_letters_are_counted(storage: EmbeddedStorage) -> None:
    def handle(messages: Sequence[Message]) -> Sequence[Unsettled]:
        raise Poison("nobody can")

    consume(storage, "dead", handle, [b"1"])

    assert value("prism_messages_dead_lettered_total", "dead") == 1


def test_what_is_left_for_a_newer_replica_is_counted(
    storage: EmbeddedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "LEAVE_S", 0.0)
    left = [True]

    def handle(messages: Sequence[Message]) -> Sequence[Unsettled]:
        return [Left(messages[0].body, ("prism.new.Thing",))] if left and left.pop() else []

    consume(storage, "left", handle, [b"1"])

    assert value("prism_messages_left_total", "left") == 1


def test_a_dead_letter_is_told_without_what_was_in_it(
    storage: EmbeddedStorage, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(messages: Sequence[Message]) -> Sequence[Unsettled]:
        raise Poison("ValueError: secret-tea")

    consume(storage, "told", handle, [b"1"])

    [record] = [record for record in caplog.records if record.getMessage() == "a dead letter"]
    [told] = record.prism_fields  # type: ignore[attr-defined] # what kernel.telemetry.log.fields adds
    assert (told["queue"], told["reason"]) == ("told", "ValueError")
    assert "secret-tea" not in caplog.text
