"""What ports.EventStore promises."""

import os
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.errors import Poison
from kernel.ports import MAX_ROW_BYTES, EventStore
from prism.envelope.v1.envelope_pb2 import Commit, Envelope, Outcome, Snapshot
from tests.engines.conftest import Engine
from tests.engines.racing import race


def commit(stream: str, number: int, command: str = "c1", data: bytes = b"data", seconds: int = 0) -> Commit:
    event = Envelope(id=f"{stream}:{number}", stream=stream, version=number, data=data)
    event.time.seconds = seconds
    outcome = Outcome(command_id=command, status=Outcome.APPLIED, stream=stream, version=number)
    return Commit(stream=stream, number=number, version=number, events=[event], outcomes=[outcome])


def history(stream: str, length: int) -> list[Commit]:
    return [commit(stream, number, f"c{number}") for number in range(1, length + 1)]


def append_as(events: EventStore, number: int, runner: int) -> list[bool]:
    return events.append([commit("cart-1", number, f"c{runner}")])


def test_what_is_appended_is_read_in_order(events: EventStore) -> None:
    wanted = history("cart-1", 12)
    assert events.append(wanted) == [True] * 12
    assert events.read("cart-1") == wanted


def test_reading_starts_after_a_commit_and_stops_at_the_limit(events: EventStore) -> None:
    wanted = history("cart-1", 6)
    events.append(wanted)
    for after in range(8):
        assert events.read("cart-1", after) == wanted[after:]
        for limit in range(5):
            assert events.read("cart-1", after, limit) == wanted[after : after + limit]


def test_a_stream_that_nobody_wrote_is_empty(events: EventStore) -> None:
    events.append(history("cart-1", 1))
    assert events.read("cart-2") == []
    assert events.read("cart") == []


def test_a_place_that_is_taken_is_a_conflict_and_nothing_changes(events: EventStore) -> None:
    first = commit("cart-1", 1, "mine")
    events.append([first])
    assert events.append([commit("cart-1", 1, "theirs")]) == [False]
    assert events.read("cart-1") == [first]


def test_an_append_whose_answer_was_lost_succeeds_again(events: EventStore) -> None:
    first = commit("cart-1", 1)
    assert events.append([first]) == [True]
    assert events.append([first]) == [True]
    assert events.read("cart-1") == [first]


def test_a_rejection_without_events_is_appended_again_too(events: EventStore) -> None:
    rejected = Commit(stream="cart-1", number=1, outcomes=[Outcome(command_id="c1", status=Outcome.REJECTED)])
    assert events.append([rejected, commit("cart-2", 1)]) == [True, True]
    assert events.append([rejected]) == [True]


def test_the_same_command_decided_anew_is_a_conflict(events: EventStore) -> None:
    first, again = commit("cart-1", 1, seconds=1), commit("cart-1", 1, seconds=2)
    assert events.append([first]) == [True]
    assert events.append([again]) == [False]
    assert events.read("cart-1") == [first]


def test_each_commit_of_a_batch_stands_for_itself(events: EventStore) -> None:
    events.append([commit("cart-2", 1, "theirs")])
    batch = [commit("cart-1", 1), commit("cart-2", 1, "mine"), commit("cart-3", 1)]
    assert events.append(batch) == [True, False, True]
    assert events.read("cart-2") == [commit("cart-2", 1, "theirs")]
    assert events.read("cart-3") == [batch[2]]
    assert events.append([]) == []


@pytest.mark.parametrize("size", [0, 64 * 1024, 200 * 1024, MAX_ROW_BYTES - 200])
def test_large_commits_come_back_as_they_were(events: EventStore, size: int) -> None:
    large = commit("cart-1", 1, data=os.urandom(size))
    assert events.append([large]) == [True]
    assert events.append([large]) == [True]
    assert events.read("cart-1") == [large]


def test_a_commit_that_no_row_can_hold_is_poison_and_nothing_is_appended(events: EventStore) -> None:
    with pytest.raises(Poison):
        events.append([commit("cart-1", 1), commit("cart-2", 1, data=bytes(MAX_ROW_BYTES))])
    assert events.read("cart-1") == []


def test_of_all_who_race_for_a_place_one_wins(engine: Engine) -> None:
    events = engine.storage.events
    for number in range(1, 11):
        answers = race(6, partial(append_as, events, number))
        winner = [runner for runner, (won,) in enumerate(answers) if won]
        assert len(winner) == 1
        (stored,) = events.read("cart-1", number - 1)
        assert stored.outcomes[0].command_id == f"c{winner[0]}"


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=100))
def test_a_stream_may_have_any_name(engine: Engine, name: str) -> None:
    wanted = history(name, 4)
    assert engine.storage.events.append(wanted) == [True] * 4
    assert engine.storage.events.read(name) == wanted


def test_a_scan_sees_every_stream_in_its_order(events: EventStore) -> None:
    assert list(events.scan()) == []
    streams = ["cart-2", "cart-10", "stock-ä", "cart-1"]
    for number in range(1, 13):
        events.append([commit(stream, number) for stream in streams])
    seen: dict[str, list[int]] = {}
    for found in events.scan():
        seen.setdefault(found.stream, []).append(found.number)
    assert seen == {stream: list(range(1, 13)) for stream in streams}


def test_a_scan_and_a_count_keep_to_a_prefix(events: EventStore) -> None:
    wanted = [commit(name, number) for name in ("cart-a", "cart-b", "cart.c", "carts-d") for number in (1, 2)]
    events.append(wanted)
    assert list(events.scan("cart-")) == wanted[:4]
    assert list(events.scan("cart-", after="cart-a")) == wanted[2:4]
    assert list(events.scan(after="cart-b")) == wanted[4:]
    assert list(events.scan("order-")) == []
    assert (events.count("cart-"), events.count(), events.count("order-")) == (
        wanted[1].version + wanted[3].version,
        sum(last.version for last in wanted[1::2]),
        0,
    )


def test_a_scan_goes_on_past_one_page(events: EventStore) -> None:
    wanted = history("cart-1", 1020)
    events.append(wanted)
    assert list(events.scan()) == wanted
    assert events.read("cart-1") == wanted


def test_a_snapshot_replaces_the_one_before(events: EventStore) -> None:
    assert events.get_snapshot("cart-1") is None
    for state in (b"first", os.urandom(100 * 1024), b"short again"):
        snapshot = Snapshot(stream="cart-1", number=1, version=1, state=state, fingerprint="f")
        events.put_snapshot(snapshot)
        assert events.get_snapshot("cart-1") == snapshot
    assert events.get_snapshot("cart-2") is None
    assert events.read("cart-1") == []


def test_a_snapshot_that_no_row_can_hold_is_poison(events: EventStore) -> None:
    with pytest.raises(Poison):
        events.put_snapshot(Snapshot(stream="cart-1", state=bytes(MAX_ROW_BYTES + 1)))
