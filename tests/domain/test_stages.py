"""The times of a command's stages: each noted by who saw it pass, and told in order."""

import time
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from domain_svc.arrivals import Arrivals
from kernel.clock import from_ns, now
from kernel.packing import pack_commits
from kernel.ports import MAX_BODY_BYTES, Message
from kernel.publishing import publish
from kernel.stages import put_in_order
from prism.envelope.v1.envelope_pb2 import Commit, CommitMessage, Envelope, Outcome, Stages
from tests.commands import add, check_out, receive, register
from tests.shop import Shop, command_envelope

DECIDED = ["accepted_at", "queued_at", "received_at", "decided_at"]
ALL = [field.name for field in Stages.DESCRIPTOR.fields]
STORED = (Path(__file__).parents[1] / "fixtures" / "item_added_to_cart_v1.binpb").read_bytes()


def names(stages: Stages) -> list[str]:
    return [field.name for field, _ in stages.ListFields()]


def times(stages: Stages) -> list[int]:
    return [time.ToNanoseconds() for _, time in stages.ListFields()]


def test_a_commit_keeps_the_stages_up_to_the_decision(shop: Shop) -> None:
    before = time.time_ns()
    shop.do(register())
    envelope = command_envelope(add(), causation_id="an-event", traceparent="00-trace")
    shop.queue([envelope])
    shop.settle()
    [commit] = shop.storage.events.read("cart-c1")
    [outcome] = commit.outcomes
    assert (outcome.command_type, outcome.causation_id, outcome.traceparent) == (
        "prism.cart.v1.AddItemToCart",
        "an-event",
        "00-trace",
    )
    assert names(outcome.stages) == DECIDED
    assert outcome.stages.accepted_at == envelope.time
    assert outcome.stages.decided_at == commit.events[0].time
    assert before <= min(times(outcome.stages))
    assert times(outcome.stages) == sorted(times(outcome.stages))
    assert max(times(outcome.stages)) <= time.time_ns()


def test_a_rejection_keeps_them_too(shop: Shop) -> None:
    outcome = shop.do(add())
    assert outcome.status == Outcome.REJECTED
    [commit] = shop.storage.events.read("cart-c1")
    assert names(commit.outcomes[0].stages) == DECIDED
    assert commit.outcomes[0].command_type == "prism.cart.v1.AddItemToCart"


def test_what_is_told_has_every_stage_in_order(shop: Shop) -> None:
    shop.do(register())
    told = shop.do(add()).stages
    assert names(told) == ALL
    assert times(told) == sorted(times(told))
    assert max(times(told)) <= time.time_ns()


def test_a_consequence_has_its_own_stages_and_its_cause(shop: Shop) -> None:
    shop.do(register())
    shop.do(receive())
    shop.do(add())
    shop.do(check_out())
    [placed, *_] = shop.storage.events.read("order-c1")
    [outcome] = placed.outcomes
    assert outcome.causation_id == "cart-c1:2"
    assert names(outcome.stages) == DECIDED
    assert times(outcome.stages) == sorted(times(outcome.stages))


def test_a_failure_tells_what_is_known(shop: Shop) -> None:
    bad = command_envelope(add(), data=b"\xff\xff", causation_id="an-event")
    shop.queue([bad])
    shop.settle()
    [failed] = shop.failed
    assert (failed.command_type, failed.causation_id) == (bad.type, "an-event")
    assert names(failed.stages) == ["accepted_at", "queued_at", "received_at"]


def test_an_outcome_of_an_earlier_release_is_told_with_the_stages_of_now(shop: Shop) -> None:
    commit = Commit.FromString(STORED)
    assert not any(outcome.HasField("stages") for outcome in commit.outcomes)
    shop.storage.events.append([commit])
    shop.publish([commit])
    shop.settle()
    told = shop.deliveries[-1].outcome
    assert told.status == Outcome.APPLIED
    assert names(told.stages) == ["appended_at", "published_at", "handled_at", "projected_at"]


def test_messages_of_an_earlier_release_are_told_without_what_they_do_not_say(shop: Shop) -> None:
    commit = Commit.FromString(STORED)
    shop.storage.queue("events-views").put(pack_commits([commit]))
    shop.settle()
    assert names(shop.deliveries[-1].outcome.stages) == ["handled_at", "projected_at"]


def test_what_is_published_anew_was_not_appended_just_now(shop: Shop) -> None:
    from domain_svc.subscribers import subscribers
    from tests.shop import CONTRACT

    shop.do(register())
    everyone = subscribers(CONTRACT, shop.policies, shop.storage.queue, lambda queue: lambda: None)
    publish(shop.storage.events.read("product-tea"), everyone, anew=True)
    [message] = shop.storage.queue("events-views").receive()
    packed = CommitMessage.FromString(message.body)
    assert packed.HasField("published_at")
    assert not packed.HasField("appended_at")


@pytest.mark.parametrize(
    ("accepted_ns", "queued_ns"),
    [(1_500_000_000, 1_500_000_000), (900_000_000, 1_000_000_000), (1_000_000_001, 1_000_000_001)],
)
def test_a_queue_that_counts_in_whole_seconds_was_not_earlier_than_the_edge(
    accepted_ns: int, queued_ns: int
) -> None:
    command = Envelope(id="c", time=from_ns(accepted_ns))
    arrivals = Arrivals(from_ns(2_000_000_000))
    arrivals.add(Message("1", b"", "r", 1, put_at=1.0), [command])
    stages = Stages()
    arrivals.note(stages, command)
    assert times(stages) == [accepted_ns, queued_ns, 2_000_000_000]


def test_clocks_that_differ_never_make_time_run_backwards() -> None:
    stages = Stages(
        accepted_at=Timestamp(seconds=5, nanos=7),
        received_at=Timestamp(seconds=5, nanos=6),
        decided_at=Timestamp(seconds=6),
        appended_at=Timestamp(seconds=3),
    )
    put_in_order(stages)
    assert times(stages) == [5_000_000_007, 5_000_000_007, 6_000_000_000, 6_000_000_000]
    assert not stages.HasField("queued_at")


def test_stamps_fit_where_commits_fill_a_message() -> None:
    commits = [Commit(stream="cart-c1", number=n, outcomes=[Outcome(detail="x" * 997)]) for n in range(200)]
    bodies = pack_commits(commits, now(), now())
    assert len(bodies) < 10
    for body in bodies:
        packed = CommitMessage.FromString(body)
        packed.left_since.GetCurrentTime()
        assert packed.ByteSize() <= MAX_BODY_BYTES
