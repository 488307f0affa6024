"""In a rolling upgrade: what a replica does not know waits for a newer one, and nothing else waits for it."""

import time

import pytest

from domain_svc.lookup import Lookup
from domain_svc.streams import Streams
from kernel.leaving import UNKNOWN_KEEP_S
from prism.envelope.v1.envelope_pb2 import CommandMessage, CommitMessage, Envelope, Outcome
from prism.order.v1.views_pb2 import OrderView
from tests.commands import add, check_out, receive, register, reprice
from tests.shop import Shop, command_envelope, decision, older, reader

CHECK_OUT, CHECKED_OUT = "prism.cart.v1.CheckOutCart", "prism.cart.v1.CartCheckedOut"
PRICED = "prism.product.v1.ProductPriceChanged"


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """A shop that sells tea."""
    shop.do(register("tea", 500))
    shop.do(receive("tea", 10))
    return shop


def left_commands(shop: Shop) -> list[Envelope]:
    return [command for _, item in shop.left for command in CommandMessage.FromString(item.body).commands]


def test_a_command_of_a_newer_release_is_left_and_its_neighbours_are_not(stocked: Shop) -> None:
    newer, stocked.handlers["commands"] = (
        stocked.handlers["commands"],
        stocked.replica(known=older(CHECK_OUT)),
    )
    adding, checking_out = command_envelope(add("c1")), command_envelope(check_out("c1", 500))
    stocked.queue([adding, checking_out])
    stocked.settle()
    assert stocked.outcome(adding.id).status == Outcome.APPLIED
    assert left_commands(stocked) == [checking_out]
    assert [item.types for _, item in stocked.left] == [(CHECK_OUT,)]
    # Nobody is told that it failed, for it did not.
    assert (stocked.failed, stocked.dead) == ([], [])

    stocked.handlers["commands"] = newer
    stocked.come_back()
    stocked.settle()
    assert stocked.outcome(checking_out.id).status == Outcome.APPLIED
    assert stocked.view("order", "c1").status == OrderView.CONFIRMED


def test_a_stream_that_a_newer_replica_went_on_with_is_left_to_it(stocked: Shop) -> None:
    newer, old = stocked.handlers["commands"], stocked.replica(known=older(CHECKED_OUT))
    # The older one has the cart in its cache, as it was before.
    stocked.handlers["commands"] = old
    stocked.do(add("c1"))
    stocked.handlers["commands"] = newer
    stocked.do(check_out("c1", 500))

    stocked.handlers["commands"] = old
    late, other = command_envelope(add("c1")), command_envelope(add("c2"))
    stocked.queue([late, other])
    for _ in range(3):
        stocked.settle()
        assert left_commands(stocked) == [late]
        assert [item.types for _, item in stocked.left] == [(CHECKED_OUT,)]
        stocked.come_back()
    assert stocked.outcome(other.id).status == Outcome.APPLIED
    assert [commit.number for commit in stocked.storage.events.read("cart-c1")] == [1, 2]

    stocked.handlers["commands"] = newer
    stocked.settle()
    assert stocked.outcome(late.id).code == "CART_CLOSED"
    assert (stocked.left, stocked.failed, stocked.dead) == ([], [], [])


def test_a_decision_that_reads_a_stream_of_a_newer_release_is_left(stocked: Shop) -> None:
    newer = stocked.handlers["commands"]
    stocked.do(reprice("tea", 450))
    stocked.do(register("cup", 100))
    stocked.handlers["commands"] = stocked.replica(known=older(PRICED))
    tea, cup = stocked.send(add("c1", "tea")), stocked.send(add("c1", "cup"))
    stocked.settle()
    assert left_commands(stocked) == [tea]
    assert stocked.outcome(cup.id).version == 1

    stocked.handlers["commands"] = newer
    stocked.come_back()
    stocked.settle()
    assert stocked.outcome(tea.id).version == 2
    assert (stocked.failed, stocked.dead) == ([], [])


def test_an_aggregate_of_a_newer_release_is_left_to_it(shop: Shop) -> None:
    foreign = shop.send(add(), stream="nowhere-1", type="prism.nowhere.v1.Go")
    shop.settle()
    assert left_commands(shop) == [foreign]
    assert [item.types for _, item in shop.left] == [("prism.nowhere.v1.Go",)]
    assert (shop.failed, shop.dead) == ([], [])


def test_since_when_it_is_left_is_kept_over_rounds(shop: Shop) -> None:
    began = int(time.time()) - 3600
    message = CommandMessage(commands=[command_envelope(add(), type="prism.cart.v9.Unknown")])
    message.left_since.FromSeconds(began)
    shop.storage.queue("commands").put([message.SerializeToString()])
    for _ in range(3):
        shop.settle()
        [(_, item)] = shop.left
        assert CommandMessage.FromString(item.body).left_since.seconds == began
        shop.come_back()


def test_what_nobody_took_for_a_day_is_a_dead_letter_that_names_the_type(shop: Shop) -> None:
    unknown, known = command_envelope(add(), type="prism.cart.v9.Unknown"), command_envelope(register())
    message = CommandMessage(commands=[unknown, known])
    message.left_since.FromSeconds(int(time.time()) - UNKNOWN_KEEP_S - 1)
    shop.storage.queue("commands").put([message.SerializeToString()])
    shop.settle()
    assert shop.left == []
    [letter] = shop.dead
    assert "prism.cart.v9.Unknown" in letter.reason
    # Requeued, it has another day.
    assert CommandMessage.FromString(letter.body) == CommandMessage(commands=[unknown])
    assert [outcome.command_id for outcome in shop.failed] == [unknown.id]
    assert shop.outcome(known.id).status == Outcome.APPLIED


def test_a_commit_with_an_unknown_event_is_left_by_policies_and_its_neighbours_are_not(stocked: Shop) -> None:
    newer, old = stocked.handlers["events-policies"], stocked.reactor(known=older(CHECKED_OUT))
    stocked.do(add("c1"))
    stocked.do(add("c2"))
    stocked.handlers["events-policies"] = old
    for cart in ("c1", "c2"):
        stocked.do(check_out(cart, 500))
    assert stocked.view("order", "c1") is None
    left = [CommitMessage.FromString(item.body) for queue, item in stocked.left if queue == "events-policies"]
    assert {entry.commit.stream for message in left for entry in message.commits} == {"cart-c1", "cart-c2"}
    assert all(message.HasField("left_since") for message in left)
    assert stocked.dead == []

    stocked.handlers["events-policies"] = newer
    stocked.come_back()
    stocked.settle()
    assert [stocked.view("order", cart).status for cart in ("c1", "c2")] == [OrderView.CONFIRMED] * 2


def test_an_outcome_is_found_in_a_stream_whose_state_cannot_be_read(stocked: Shop) -> None:
    stocked.do(add("c1"))
    checked_out = stocked.do(check_out("c1", 500))
    streams = Streams(
        stocked.storage.events,
        list(stocked.replica()._streams.aggregates.values()),
        reader(older(CHECKED_OUT)),
        exclusive=False,
    )
    found = Lookup(stocked.storage.events, streams).outcome("cart-c1", checked_out.command_id)
    assert found
    assert decision(found) == decision(checked_out)
