"""An operator follows a command through every service, reads streams, and heals a view that lost a row."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from kernel import settings
from kernel.storage import open_storage
from prism.admin.v1.deliveries_pb2 import GetDeliveryRequest, GetDeliveryResponse
from prism.admin.v1.deliveries_pb2_grpc import DeliveriesStub
from prism.admin.v1.streams_pb2 import (
    GetStateRequest,
    ReadStreamRequest,
    RepublishRequest,
    TracedCommand,
    TraceRequest,
    TraceResponse,
)
from prism.admin.v1.streams_pb2_grpc import StreamsStub
from prism.envelope.v1.envelope_pb2 import Commit, CommitMessage, Outcome, Stages
from tests.e2e.client import Merchant, Shop, Shopper, accepted, applied, heard, new_id, problem
from tests.support import eventually

STORED = Path(__file__).parent.parent / "fixtures" / "item_added_to_cart_v1.binpb"
ALL_STAGES = [field.name for field in Stages.DESCRIPTOR.fields]


class Admin:
    """The admin plane's streams and deliveries, with an operator's token."""

    def __init__(self, shop: Shop, streams: grpc.Channel, deliveries: grpc.Channel) -> None:
        self._streams = StreamsStub(streams)
        self._deliveries = DeliveriesStub(deliveries)
        token = shop.person("operator").token
        self._asked: dict[str, Any] = {"timeout": 10, "metadata": (("authorization", f"Bearer {token}"),)}

    def trace(self, command_id: str, stream: str = "") -> TraceResponse:
        request = TraceRequest(command_id=command_id, stream=stream)
        answer: TraceResponse = self._streams.Trace(request, **self._asked)
        return answer

    def delivery(self, command_id: str) -> GetDeliveryResponse:
        request = GetDeliveryRequest(command_id=command_id)
        answer: GetDeliveryResponse = self._deliveries.GetDelivery(request, **self._asked)
        return answer

    def events(self, stream: str, *, stored: bool) -> list[tuple[str, Any]]:
        page = self._streams.ReadStream(ReadStreamRequest(stream=stream, stored=stored), **self._asked)
        assert not page.next_after
        return [
            (event.envelope.type, json.loads(event.json))
            for commit in page.commits
            for event in commit.events
        ]

    def state(self, stream: str, version: int = 0) -> Any:  # noqa: ANN401 # each aggregate has its own
        answer = self._streams.GetState(GetStateRequest(stream=stream, version=version), **self._asked)
        return json.loads(answer.json)

    def republish(self, stream: str) -> int:
        request = RepublishRequest(**{"stream": stream, "from": 1})  # type: ignore[arg-type] # a word of Python's
        published: int = self._streams.Republish(request, **self._asked).commits
        return published


@pytest.fixture
def admin(shop: Shop) -> Iterator[Admin]:
    with (
        grpc.insecure_channel(shop.stack.domain_grpc) as domain,
        grpc.insecure_channel(shop.stack.stream_grpc) as stream,
    ):
        yield Admin(shop, domain, stream)


def kind(traced: TracedCommand) -> tuple[str, str]:
    outcome = traced.outcome
    return outcome.command_type.rpartition(".")[2], Outcome.Status.Name(outcome.status)


def times(stages: Stages) -> list[int]:
    return [time.ToNanoseconds() for _, time in stages.ListFields()]


def test_a_checkout_is_followed_to_its_order_its_stock_and_its_payment(
    shop: Shop, admin: Admin, merchant: Merchant, shopper: Shopper
) -> None:
    mug, pot = merchant.sells(price=100, stock=5), merchant.sells(price=250, stock=5)
    cart = shopper.fills((mug, 1), (pot, 1))
    with shopper.follow(f"cart/{cart}", "commands") as stream:
        checkout = applied(shopper.checks_out(cart, 350))
        heard(stream, f"cart/{cart}", 3)
    shopper.order(cart, "CONFIRMED")

    expected = [
        ("CheckOutCart", "APPLIED"),
        ("PlaceOrder", "APPLIED"),
        ("ReserveStock", "APPLIED"),
        ("ReserveStock", "APPLIED"),
        ("NoteStockReserved", "APPLIED"),
        ("NoteStockReserved", "APPLIED"),
        ("EndPaymentWindow", "ACCEPTED"),
    ]

    def whole() -> TraceResponse:
        traced = admin.trace(checkout["commandId"])
        assert [kind(command) for command in traced.commands] == expected
        for command in traced.commands[:-1]:
            stages = command.outcome.stages
            assert [field.name for field, _ in stages.ListFields()] == ALL_STAGES
            assert times(stages) == sorted(times(stages))
        return traced

    traced = eventually(whole)
    assert not traced.truncated
    decided = {event.id: command for command in traced.commands for event in command.events}
    for command in traced.commands[1:]:
        cause = decided[command.cause].outcome
        # Nothing is decided before what it follows from; on Azure a queue's time is cut to the second.
        if command.outcome.status == Outcome.APPLIED:
            assert cause.stages.decided_at.ToNanoseconds() < command.outcome.stages.decided_at.ToNanoseconds()
    delivery = admin.delivery(checkout["commandId"])
    assert delivery.clients == 1
    assert {f"cart/{cart}", "commands"} <= set(delivery.topics)
    projected = traced.commands[0].outcome.stages.projected_at.ToNanoseconds()
    assert delivery.delivered_at.ToNanoseconds() >= projected

    paid = applied(shopper.pays(cart, 350))
    [payment] = admin.trace(paid["commandId"], f"order-{cart}").commands
    assert kind(payment) == ("PayOrder", "APPLIED")
    assert payment.outcome.subject == shopper.subject


def test_with_redis_empty_the_stream_still_knows_up_to_the_decision(
    shop: Shop, admin: Admin, merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    outcome = applied(shopper.adds(cart, mug))
    shop.forgets_redis()
    with pytest.raises(grpc.RpcError) as unknown:
        admin.trace(outcome["commandId"])
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
    [command] = admin.trace(outcome["commandId"], f"cart-{cart}").commands
    assert [field.name for field, _ in command.outcome.stages.ListFields()] == ALL_STAGES[:4]
    assert times(command.outcome.stages) == sorted(times(command.outcome.stages))


def test_what_clients_see_of_a_command_tells_nothing_of_its_stages(
    shop: Shop, merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    with shopper.follow("commands") as stream:
        waited = applied(shopper.adds(cart, mug))
        told = stream.wait_for(lambda update: update.command_id == waited["commandId"], 20)
    assert waited.keys() == {"commandId", "status", "stream", "version", "events"}
    queued = accepted(shopper.adds(cart, mug, wait_s=0))

    def decided() -> dict[str, Any]:
        found = shopper.outcome(f"cart-{cart}", queued["commandId"])
        assert found["status"] == "APPLIED"
        return found

    shown = {"commandId", "status", "stream", "version", "code", "detail", "events"}
    assert eventually(decided).keys() == shown
    assert told
    assert told.data.keys() == shown


def test_an_old_event_is_shown_as_stored_and_as_it_is_read(shop: Shop, admin: Admin) -> None:
    commit = Commit.FromString(STORED.read_bytes())
    # A stream of one's own: another test has the cart that it was.
    commit.stream = f"cart-{new_id('old')}"
    commit.events[0].stream, commit.events[0].id = commit.stream, f"{commit.stream}:1"
    storage = open_storage(settings.load(shop.stack.env))
    assert storage.events.append([commit]) == [True]
    storage.close()
    [(old, stored)] = admin.events(commit.stream, stored=True)
    [(current, upcast)] = admin.events(commit.stream, stored=False)
    assert (old, stored["unitPriceCents"]) == ("prism.cart.v1.ItemAddedToCart", "450")
    assert (current, upcast["unitPrice"]["minorUnits"]) == ("prism.cart.v2.ItemAddedToCart", "450")
    assert admin.state(commit.stream)["quantities"] == {stored["productId"]: stored["quantity"]}


def test_a_state_is_seen_at_every_version(admin: Admin, merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = shopper.fills((mug, 1), (mug, 2), (mug, 4))
    quantities = [admin.state(f"cart-{cart}", version)["quantities"] for version in (1, 2, 3)]
    assert quantities == [{mug: 1}, {mug: 3}, {mug: 7}]
    assert admin.state(f"cart-{cart}")["quantities"] == {mug: 7}


def test_published_again_what_a_view_has_missed_shows(
    shop: Shop, admin: Admin, merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells(price=100)
    cart = new_id("c")
    storage = open_storage(settings.load(shop.stack.env))
    views = storage.queue("events-views")
    operator = shop.operator(shop.stack.projector_grpc)

    def lost() -> bool:
        for message in views.receive():
            commits = CommitMessage.FromString(message.body).commits
            if any(entry.commit.stream == f"cart-{cart}" for entry in commits):
                views.delete([message])
                return True
            views.extend([message], 0)
        return False

    operator.pause("events-views")
    try:
        # A batch that was being handled when the pause came is not there any more.
        eventually(lambda: not operator.consumers()["events-views"].in_flight)
        accepted(shopper.adds(cart, mug, 3, wait_s=0))
        eventually(lost)
    finally:
        operator.resume("events-views")
    storage.close()
    assert problem(shopper.get(f"/v1/carts/{cart}")) == (404, "NOT_FOUND")
    assert admin.republish(f"cart-{cart}") == 1
    assert eventually(lambda: shopper.cart(cart))["lines"][0]["quantity"] == 3
