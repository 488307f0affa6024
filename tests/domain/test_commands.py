"""Every command has exactly one outcome, for ever."""

import pytest

from domain_svc import streams
from domain_svc.lookup import Lookup
from kernel.errors import StorageUnavailable
from kernel.handler import DeadLetter
from kernel.telemetry.metrics import storage_calls
from prism.envelope.v1.envelope_pb2 import CommandMessage, Commit, Outcome
from tests.commands import add, check_out, receive, register, reprice
from tests.shop import Shop, command_envelope, decision


def numbers(shop: Shop, stream: str) -> list[int]:
    return [commit.number for commit in shop.storage.events.read(stream)]


def test_an_applied_command_names_its_events_and_version(shop: Shop) -> None:
    shop.do(register())
    first, second = shop.do(add()), shop.do(add())
    assert first.status == second.status == Outcome.APPLIED
    assert (first.version, second.version) == (1, 2)
    assert [(event.event_id, event.type) for event in second.events] == [("cart-c1:2", "ItemAddedToCart")]


def test_a_rejection_is_a_commit_without_events(shop: Shop) -> None:
    outcome = shop.do(add())
    assert (outcome.status, outcome.code) == (Outcome.REJECTED, "PRODUCT_NOT_AVAILABLE")
    [commit] = shop.storage.events.read("cart-c1")
    assert (commit.version, len(commit.events)) == (0, 0)
    assert decision(commit.outcomes[0]) == decision(outcome)


def test_commands_of_a_batch_share_a_commit_a_stream(shop: Shop) -> None:
    shop.do(register())
    shop.queue([command_envelope(add("c1")) for _ in range(5)] + [command_envelope(add("c2"))])
    shop.settle()
    assert numbers(shop, "cart-c1") == [1]
    assert shop.view("cart", "c1").lines[0].quantity == 5
    assert shop.view("cart", "c2").lines[0].quantity == 1


def test_a_repeat_returns_the_first_outcome_and_changes_nothing(shop: Shop) -> None:
    shop.do(register())
    envelope = shop.send(add())
    shop.settle()
    first = shop.outcome(envelope.id)
    shop.queue([envelope, envelope])
    shop.settle()
    assert decision(shop.outcome(envelope.id)) == decision(first)
    assert numbers(shop, "cart-c1") == [1]
    assert shop.view("cart", "c1").lines[0].quantity == 1


def test_a_repeat_of_a_rejection_is_a_rejection_even_if_it_would_succeed_now(shop: Shop) -> None:
    envelope = shop.send(add())
    shop.settle()
    shop.do(register())
    shop.queue([envelope])
    shop.settle()
    assert shop.outcome(envelope.id).code == "PRODUCT_NOT_AVAILABLE"
    assert numbers(shop, "cart-c1") == [1]


def test_a_repeat_is_known_to_another_replica_too(shop: Shop) -> None:
    shop.do(register())
    envelope = shop.send(add())
    shop.settle()
    shop.handlers["commands"] = shop.replica()
    shop.queue([envelope])
    shop.settle()
    assert numbers(shop, "cart-c1") == [1]


def test_what_was_appended_but_not_published_is_published_by_the_repeat(shop: Shop) -> None:
    shop.do(register())
    envelope = shop.send(add())
    dying = shop.replica()

    def die(commits: object) -> None:
        raise StorageUnavailable("the queue is gone")

    dying._publish = die
    [message] = shop.storage.queue("commands").receive()
    with pytest.raises(StorageUnavailable):
        dying([message])
    assert numbers(shop, "cart-c1") == [1]
    assert shop.view("cart", "c1") is None
    shop.storage.queue("commands").extend([message], 0)
    shop.settle()
    assert shop.view("cart", "c1").version == 1
    assert shop.outcome(envelope.id).status == Outcome.APPLIED
    assert numbers(shop, "cart-c1") == [1]


def test_replicas_with_stale_caches_decide_again_after_a_conflict(shop: Shop) -> None:
    shop.do(register())
    replicas = [shop.replica(), shop.replica()]
    for turn in range(6):
        shop.handlers["commands"] = replicas[turn % 2]
        shop.do(add())
    assert shop.view("cart", "c1").lines[0].quantity == 6
    assert numbers(shop, "cart-c1") == [1, 2, 3, 4, 5, 6]


def test_replicas_read_each_others_prices_at_once(shop: Shop) -> None:
    shop.do(register())
    other = shop.replica()
    shop.do(add())
    shop.handlers["commands"] = other
    shop.do(reprice("tea", 400))
    shop.handlers["commands"] = shop.replica()
    shop.do(reprice("tea", 300))
    shop.handlers["commands"] = other
    shop.do(add())
    assert shop.view("cart", "c1").lines[0].unit_price.minor_units == 300


def test_if_match_applies_at_that_version_alone(shop: Shop) -> None:
    shop.do(register())
    shop.do(add())
    assert shop.do(add(), expected_version=0).code == "VERSION_MISMATCH"
    assert shop.do(add(), expected_version=1).status == Outcome.APPLIED
    assert shop.do(add(), expected_version=1).code == "VERSION_MISMATCH"


def test_a_body_that_is_no_message_is_set_aside_and_its_neighbours_are_not(shop: Shop) -> None:
    shop.do(register())
    shop.storage.queue("commands").put([b"\xff\xff\xff"])
    assert shop.do(add()).status == Outcome.APPLIED
    assert shop.dead == [DeadLetter(b"\xff\xff\xff", "the body does not decode as a CommandMessage")]


def test_a_command_that_nobody_can_decide_fails_alone(shop: Shop) -> None:
    shop.do(register())
    bad, good = command_envelope(add(), data=b"\xff\xff"), command_envelope(add())
    shop.queue([bad, good])
    shop.settle()
    assert shop.outcome(good.id).status == Outcome.APPLIED
    assert [outcome.command_id for outcome in shop.failed] == [bad.id]
    [letter] = shop.dead
    assert list(CommandMessage.FromString(letter.body).commands) == [bad]
    assert letter.reason


def test_a_long_stream_is_loaded_from_its_snapshot(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SNAPSHOT_EVERY", 5)
    shop.do(register())
    envelopes = [shop.send(add()) for _ in range(1)]
    for _ in range(12):
        shop.do(add())
    snapshot = shop.storage.events.get_snapshot("cart-c1")
    assert snapshot is not None
    assert snapshot.number == 10
    shop.handlers["commands"] = shop.replica()
    shop.queue(envelopes)
    shop.do(add())
    assert shop.view("cart", "c1").lines[0].quantity == 14
    assert shop.outcome(envelopes[0].id).version == 1


def test_a_snapshot_of_other_code_is_not_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SNAPSHOT_EVERY", 2)
    shop.do(register())
    for _ in range(3):
        shop.do(add())
    snapshot = shop.storage.events.get_snapshot("cart-c1")
    assert snapshot is not None
    snapshot.fingerprint, snapshot.state = "another", b"\x00"
    shop.storage.events.put_snapshot(snapshot)
    shop.handlers["commands"] = shop.replica()
    assert shop.do(add()).version == 4


def test_outcomes_are_found_in_memory_and_past_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PROCESSED_WINDOW", 4)
    shop.do(register())
    old = [command_envelope(add()) for _ in range(3)]
    shop.queue(old)
    shop.settle()
    latest = [shop.send(add()) for _ in range(4)]
    shop.settle()
    lookup = Lookup(shop.storage.events, shop.replica()._streams)
    for envelope in old + latest:
        found = lookup.outcome("cart-c1", envelope.id)
        assert found
        assert decision(found) == decision(shop.outcome(envelope.id))
    assert lookup.outcome("cart-c1", "unknown") is None
    assert lookup.outcome("cart-c2", "unknown") is None
    assert lookup.outcome("nowhere-1", "unknown") is None


def test_the_processed_commands_are_bounded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PROCESSED_WINDOW", 3)
    shop.do(register())
    shop.do(receive())
    for number in range(6):
        shop.do(receive())
        shop.do(add(f"c{number}"))
        shop.do(check_out(f"c{number}"))
    stock = shop.replica()._streams.load("stock-tea")
    assert (len(stock.processed), len(stock.reactions)) == (3, 3)


def test_stock_and_checkout_read_other_streams(shop: Shop) -> None:
    assert shop.do(receive()).code == "NOT_FOUND"
    shop.do(register())
    assert shop.do(receive()).status == Outcome.APPLIED
    shop.do(add())
    shop.do(reprice("tea", 600))
    assert shop.do(check_out(total=500)).code == "PRICE_CHANGED"
    assert shop.do(check_out(total=600)).status == Outcome.APPLIED


def test_a_stream_that_cannot_be_read_keeps_no_other_from_going_on(shop: Shop) -> None:
    shop.do(register())
    bad = Commit(stream="cart-bad", number=1, version=1)
    type_ = "prism.cart.v2.ItemAddedToCart"
    bad.events.add(id="cart-bad:1", type=type_, stream="cart-bad", version=1, data=b"\xff")
    shop.storage.events.append([bad])
    commands = [command_envelope(add("bad")), command_envelope(add("good"))]
    shop.queue(commands)
    shop.settle()
    assert shop.outcome(commands[1].id).status == Outcome.APPLIED
    assert [outcome.command_id for outcome in shop.failed] == [commands[0].id]
    assert "prism.cart.v2.ItemAddedToCart" in shop.dead[0].reason


def test_other_streams_are_read_once_a_batch(shop: Shop) -> None:
    shop.do(register())
    shop.do(add())
    before = storage_calls()["events.read"]
    shop.queue([command_envelope(add()) for _ in range(20)])
    shop.step("commands")
    assert storage_calls()["events.read"] == before + 1
