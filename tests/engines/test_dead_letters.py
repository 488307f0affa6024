"""Dead letters rest until an operator decides, on both engines."""

from collections.abc import Sequence

import pytest

from kernel.dead_letters import DeadLetters, is_id, latest_id
from kernel.errors import StorageUnavailable
from kernel.ports import Queue
from prism.envelope.v1.envelope_pb2 import DeadLetter
from tests.engines.conftest import Engine


@pytest.fixture
def letters(engine: Engine) -> DeadLetters:
    return DeadLetters(engine.storage, "commands")


def letter(body: bytes, seconds: int = 1_700_000_000) -> DeadLetter:
    made = DeadLetter(body=body, queue="commands", reason="too odd", deliveries=3)
    made.time.FromSeconds(seconds)
    return made


def bodies(found: Sequence[DeadLetter]) -> list[bytes]:
    return [item.body for item in found]


def test_they_come_oldest_first_page_by_page(letters: DeadLetters) -> None:
    letters.add([letter(b"3", 1_700_000_003), letter(b"1", 1_700_000_001)])
    letters.add([letter(b"2", 1_700_000_002)])
    first = letters.page(limit=2)
    assert bodies(list(first.values())) == [b"1", b"2"]
    assert all(is_id(id_) for id_ in first)
    assert bodies(list(letters.page(list(first)[-1]).values())) == [b"3"]
    assert letters.page(until="1700000001999999") == dict(list(first.items())[:1])
    assert letters.count() == 3


def test_letters_of_one_moment_are_all_kept(letters: DeadLetters) -> None:
    letters.add([letter(b"%d" % number) for number in range(40)])
    assert len(letters.page()) == 40


def test_what_comes_later_is_after_the_latest_id(letters: DeadLetters) -> None:
    letters.add([letter(b"past")])
    until = latest_id()
    letters.add([letter(b"to come", 9_000_000_000)])
    assert bodies(list(letters.page(until=until).values())) == [b"past"]


def test_one_is_got_by_its_id_as_it_was_set_aside(letters: DeadLetters) -> None:
    letters.add([letter(b"x" * 49_152), letter(b"y")])
    [(id_, found)] = letters.page(limit=1).items()
    strange = ["", "nothing", "../commands", "1700000000000000-00000000", "\x00"]
    assert letters.get([id_, *strange, id_]) == {id_: found}
    assert found == letter(found.body)


def test_requeued_ones_are_in_the_queue_and_no_letters_any_more(engine: Engine, letters: DeadLetters) -> None:
    letters.add([letter(b"x" * 49_152), letter(b"2"), letter(b"3")])
    found = letters.page(limit=2)
    letters.requeue(found)
    assert {m.body for m in engine.storage.queue("commands").receive()} == {m.body for m in found.values()}
    assert letters.count() == 1
    # Someone else was asked for the same: it comes twice, and that is all.
    letters.requeue(found)
    assert len(engine.storage.queue("commands").receive()) == 2
    assert letters.count() == 1


def test_one_that_cannot_be_queued_stays_a_letter(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    queue: Queue = engine.storage.queue("commands")
    monkeypatch.setattr(engine.storage, "queue", lambda name: queue)
    letters = DeadLetters(engine.storage, "commands")
    letters.add([letter(b"1")])

    def away(bodies: Sequence[bytes], delay_s: float = 0) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr(queue, "put", away)
    with pytest.raises(StorageUnavailable):
        letters.requeue(letters.page())
    assert letters.count() == 1


def test_discarded_ones_are_gone_and_the_letters_of_other_queues_stay(
    engine: Engine, letters: DeadLetters
) -> None:
    others = DeadLetters(engine.storage, "events-views")
    others.add([letter(b"other")])
    letters.add([letter(b"1"), letter(b"2")])
    letters.discard(letters.page(limit=1))
    letters.discard(letters.page(limit=1))
    assert (letters.count(), others.count()) == (0, 1)
    assert engine.storage.queue("commands").receive() == []
