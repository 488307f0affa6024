"""Operators see streams as they are stored, what they had come to, and what followed from a command."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest

from domain_svc import shop, streams
from domain_svc.admin import history
from domain_svc.admin import service as streams_admin
from domain_svc.admin.consequences import Consequences
from domain_svc.admin.history import History
from domain_svc.admin.service import StreamsService
from domain_svc.lookup import Lookup
from domain_svc.reactions import Reactions
from domain_svc.streams import Streams
from kernel.outcomes import OutcomeBoard
from kernel.redis import connect
from kernel.settings import load
from kernel.updates import UpdateLog
from prism.admin.v1.streams_pb2 import (
    GetStateRequest,
    GetStateResponse,
    ReadStreamRequest,
    ReadStreamResponse,
    RepublishRequest,
    RepublishResponse,
    TracedCommand,
    TraceRequest,
    TraceResponse,
)
from prism.admin.v1.streams_pb2_grpc import StreamsStub
from prism.cart.v1.commands_pb2 import ChangeItemQuantity
from prism.envelope.v1.envelope_pb2 import Commit, Outcome
from tests.commands import add, cancel, check_out, pay, receive, register, reprice, ship
from tests.redis_server import RedisServer
from tests.shop import CONTRACT, READER, Shop, command_envelope, decision

STORED = (Path(__file__).parents[1] / "fixtures" / "item_added_to_cart_v1.binpb").read_bytes()


class Admin:
    """prism.admin.v1.Streams over a shop, on a real port."""

    def __init__(self, shop: Shop, redis_url: str) -> None:
        self.shop = shop
        settings = load({"REDIS_URL": redis_url, "PRISM_NAMESPACE": f"t{uuid.uuid4().hex[:12]}"})
        redis = connect(settings)
        self.log = UpdateLog(redis, settings.prism_namespace)
        self.board = OutcomeBoard(redis, settings.prism_namespace)
        self._told = 0

    def serve(self, server: grpc.Server) -> None:
        events = self.shop.storage.events
        own = Streams(events, shop.AGGREGATES, READER, exclusive=False)
        looked_up = Streams(events, shop.AGGREGATES, READER, exclusive=False)
        service = StreamsService(
            CONTRACT,
            list(own.aggregates),
            History(events, own, READER),
            Consequences(Lookup(events, looked_up), Reactions(CONTRACT, self.shop.policies, READER)),
            self.board,
            READER,
            self.shop.publish,
        )
        assert list(streams_admin.register(service)(server)) == ["prism.admin.v1.Streams"]

    def connect(self, channel: grpc.Channel) -> None:
        self.stub = StreamsStub(channel)

    def tell_redis(self) -> None:
        """Publishes what the projector announced since the last time."""
        self.log.publish_facts(self.shop.deliveries[self._told :])
        self._told = len(self.shop.deliveries)

    def page(self, stream: str, **asked: Any) -> ReadStreamResponse:  # noqa: ANN401 # as the request has it
        page: ReadStreamResponse = self.stub.ReadStream(ReadStreamRequest(stream=stream, **asked), timeout=10)
        return page

    def at(self, stream: str, version: int = 0) -> GetStateResponse:
        request = GetStateRequest(stream=stream, version=version)
        state: GetStateResponse = self.stub.GetState(request, timeout=10)
        return state

    def state(self, stream: str, version: int = 0) -> Any:  # noqa: ANN401 # each aggregate has its own
        return json.loads(self.at(stream, version).json)

    def republish(self, stream: str, first: int, last: int = 0) -> RepublishResponse:
        request = RepublishRequest(**{"stream": stream, "from": first, "to": last})  # type: ignore[arg-type] # a word of Python's
        answer: RepublishResponse = self.stub.Republish(request, timeout=30)
        return answer

    def trace(self, command_id: str, stream: str = "") -> TraceResponse:
        request = TraceRequest(command_id=command_id, stream=stream)
        answer: TraceResponse = self.stub.Trace(request, timeout=10)
        return answer


@pytest.fixture
def admin(shop: Shop, redis_url: str) -> Iterator[Admin]:
    admin = Admin(shop, redis_url)
    server = grpc.server(ThreadPoolExecutor(2))
    admin.serve(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        admin.connect(channel)
        yield admin
    server.stop(None).wait()


def refusal(call: Any, *arguments: Any, **named: Any) -> tuple[grpc.StatusCode, str]:  # noqa: ANN401 # any call
    with pytest.raises(grpc.RpcError) as refused:
        call(*arguments, **named)
    return refused.value.code(), refused.value.details() or ""


def sell_tea(shop: Shop) -> None:
    shop.do(register())
    shop.do(receive(quantity=10))


def kinds(traced: TraceResponse) -> list[tuple[str, str]]:
    return [
        (c.outcome.command_type.rpartition(".")[2], Outcome.Status.Name(c.outcome.status))
        for c in traced.commands
    ]


# ReadStream


def test_a_stream_is_read_page_by_page(admin: Admin) -> None:
    sell_tea(admin.shop)
    for _ in range(5):
        admin.shop.do(add())
    rejected = admin.shop.do(check_out(total=1))
    pages = [admin.page("cart-c1", page_size=2)]
    while after := pages[-1].next_after:
        pages.append(admin.page("cart-c1", page_size=2, after=after))
    assert [[commit.number for commit in page.commits] for page in pages] == [[1, 2], [3, 4], [5, 6]]
    assert [page.next_after for page in pages] == [2, 4, 0]
    last = pages[-1].commits[-1]
    assert (last.version, len(last.events)) == (5, 0)
    assert decision(last.outcomes[0]) == decision(rejected)
    stored = admin.shop.storage.events.read("cart-c1")
    assert [e.envelope for page in pages for c in page.commits for e in c.events] == [
        event for commit in stored for event in commit.events
    ]


def test_an_event_is_opened(admin: Admin) -> None:
    sell_tea(admin.shop)
    admin.shop.do(add(quantity=3))
    [commit] = admin.page("cart-c1").commits
    [event] = commit.events
    assert json.loads(event.json) == {
        "cartId": "c1",
        "ownerId": "alice",
        "productId": "tea",
        "name": "Tea",
        "quantity": 3,
        "unitPrice": {"currency": "EUR", "minorUnits": "500"},
    }
    assert not event.problem


def test_a_page_is_20_commits_unless_asked_otherwise_and_at_most_100(admin: Admin) -> None:
    commits = [
        Commit(stream="cart-long", number=n, outcomes=[Outcome(command_id=str(n))]) for n in range(1, 131)
    ]
    admin.shop.storage.events.append(commits)
    assert len(admin.page("cart-long").commits) == 20
    assert len(admin.page("cart-long", page_size=100).commits) == 100
    assert admin.page("cart-long", after=120).next_after == 0
    assert len(admin.page("cart-long", after=2**32 - 1).commits) == 0
    code, why = refusal(admin.page, "cart-long", page_size=101)
    assert (code, "1 to 100" in why) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def test_a_page_of_large_commits_ends_early(admin: Admin) -> None:
    commits = [
        Commit(stream="cart-large", number=n, outcomes=[Outcome(detail="x" * 400_000)]) for n in range(1, 6)
    ]
    admin.shop.storage.events.append(commits)
    first = admin.page("cart-large")
    assert ([commit.number for commit in first.commits], first.next_after) == ([1, 2], 2)
    assert [commit.number for commit in admin.page("cart-large", after=4).commits] == [5]


def test_a_stream_that_does_not_exist_has_no_commits(admin: Admin) -> None:
    assert admin.page("cart-never") == ReadStreamResponse()


@pytest.mark.parametrize("name", ["", "cart", "cart-", "basket-c1", "-c1", "cart-\x00", "cart-" + "x" * 200])
def test_a_name_that_no_aggregate_has_is_refused_with_the_aggregates(admin: Admin, name: str) -> None:
    for call in (admin.page, admin.at, lambda stream: admin.republish(stream, 1)):
        code, why = refusal(call, name)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert "cart, order, product, stock" in why
    if name:
        assert refusal(admin.trace, "x", name)[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_an_old_event_is_shown_as_stored_or_upcast(admin: Admin) -> None:
    admin.shop.storage.events.append([Commit.FromString(STORED)])
    [[stored], [upcast]] = (admin.page("cart-old", stored=how).commits[0].events for how in (True, False))
    assert stored.envelope == Commit.FromString(STORED).events[0]
    assert stored.envelope.type == "prism.cart.v1.ItemAddedToCart"
    assert json.loads(stored.json)["unitPriceCents"] == "450"
    assert upcast.envelope.type == "prism.cart.v2.ItemAddedToCart"
    assert json.loads(upcast.json)["unitPrice"] == {"currency": "EUR", "minorUnits": "450"}
    assert upcast.envelope.id == stored.envelope.id


@pytest.mark.parametrize("stored", [True, False])
def test_an_event_that_cannot_be_read_does_not_hide_its_neighbours(admin: Admin, stored: bool) -> None:
    commit = Commit.FromString(STORED)
    for version, fields in ((2, {"type": "prism.cart.v9.CartFlew"}), (3, {"data": b"\xff\xff"})):
        envelope = commit.events.add()
        envelope.CopyFrom(commit.events[0])
        envelope.id, envelope.version = f"cart-old:{version}", version
        for field, value in fields.items():
            setattr(envelope, field, value)
    commit.version = 3
    admin.shop.storage.events.append([commit])
    known, unknown, broken = admin.page("cart-old", stored=stored).commits[0].events
    assert known.json
    assert not known.problem
    assert (unknown.json, "prism.cart.v9.CartFlew" in unknown.problem) == ("", True)
    assert unknown.envelope == commit.events[1]
    assert (broken.json, "does not decode" in broken.problem) == ("", True)
    code, why = refusal(admin.at, "cart-old")
    assert (code, "prism.cart.v9.CartFlew" in why) == (grpc.StatusCode.FAILED_PRECONDITION, True)
    assert admin.at("cart-old", 1).version == 1


# GetState


def go_shopping(shop: Shop) -> None:
    """All four aggregates, several events a commit, rejections between."""
    sell_tea(shop)
    shop.do(register("cup", 100))
    shop.do(receive("cup", 5))
    shop.queue([command_envelope(add(quantity=n)) for n in (1, 2, 3)])
    shop.settle()
    shop.do(add(product_id="cup"))
    shop.do(check_out(total=1))
    shop.do(ChangeItemQuantity(cart_id="c1", product_id="tea", quantity=2))
    shop.do(reprice("tea", 450))
    shop.do(check_out(total=1000))
    shop.do(pay(total=1000))
    shop.do(ship(), by="bob")
    shop.do(cancel())


@pytest.mark.parametrize("every", [2, 3, 1000])
def test_the_state_at_every_version_is_the_fold_of_the_events_up_to_it(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    monkeypatch.setattr(streams, "SNAPSHOT_EVERY", every)
    monkeypatch.setattr(history, "CHUNK", 2)
    go_shopping(admin.shop)
    for aggregate, name in zip(
        shop.AGGREGATES, ("product-tea", "stock-tea", "cart-c1", "order-c1"), strict=True
    ):
        commits = admin.shop.storage.events.read(name)
        assert bool(admin.shop.storage.events.get_snapshot(name)) == (len(commits) >= every)
        state = aggregate.initial
        events = [event for commit in commits for event in commit.events]
        assert len(events) >= 2
        for event in events:
            state = aggregate.evolve(state, READER.read(event))
            seen = admin.at(name, event.version)
            assert (seen.stream, seen.version, seen.time) == (name, event.version, event.time)
            # Equal states have equal fields, and the answer names them all.
            assert json.loads(seen.json).keys() == set(state.__dataclass_fields__)
            assert json.loads(seen.json) == json.loads(msgspec.json.encode(state))
        assert admin.at(name) == seen
        code, why = refusal(admin.at, name, len(events) + 1)
        assert (code, f"version {len(events) + 1}" in why) == (grpc.StatusCode.NOT_FOUND, True)


def test_a_state_reads_as_json(admin: Admin) -> None:
    go_shopping(admin.shop)
    assert admin.state("cart-c1") == {
        "owner": "alice",
        "quantities": {"tea": 2, "cup": 1},
        "currency": "EUR",
        "checked_out": True,
    }
    assert admin.state("cart-c1", 2)["quantities"] == {"tea": 3}
    assert admin.state("order-c1")["status"] == "SHIPPED"
    assert [line["product_id"] for line in admin.state("order-c1")["order_lines"]] == ["tea", "cup"]
    assert admin.state("stock-tea", 2)["reservations"] == {"c1": 2}


def test_a_stream_that_does_not_exist_is_at_version_0(admin: Admin) -> None:
    answer = admin.at("cart-never")
    assert (answer.version, answer.HasField("time")) == (0, False)
    assert json.loads(answer.json)["quantities"] == {}
    assert refusal(admin.at, "cart-never", 1)[0] == grpc.StatusCode.NOT_FOUND


# Republish


def test_published_again_a_view_that_lost_its_row_has_it_back(admin: Admin) -> None:
    go_shopping(admin.shop)
    before = admin.shop.rows()
    lost = [row_id for row_id in before if row_id.view == "cart"]
    assert lost
    admin.shop.storage.views.delete(lost)
    # It remembers the row as long as it runs.
    admin.shop.handlers["events-views"] = admin.shop.projector("views")
    assert admin.shop.rows() != before
    answer = admin.republish("cart-c1", 1)
    assert answer == RepublishResponse(commits=len(admin.shop.storage.events.read("cart-c1")))
    admin.shop.settle()
    assert admin.shop.rows() == before
    assert not admin.shop.dead


def test_published_again_from_somewhere_the_row_is_whole(admin: Admin) -> None:
    go_shopping(admin.shop)
    before = admin.shop.rows()
    admin.shop.storage.views.delete([row_id for row_id in before if row_id.view == "cart"])
    admin.shop.handlers["events-views"] = admin.shop.projector("views")
    admin.republish("cart-c1", 2, 2)
    admin.shop.settle()
    assert admin.shop.view("cart", "c1").version == 4
    admin.republish("cart-c1", 3)
    admin.shop.settle()
    assert admin.shop.rows() == before


def test_a_range_is_published_and_no_more(admin: Admin) -> None:
    admin.shop.storage.events.append(
        [Commit(stream="cart-long", number=n, outcomes=[Outcome(command_id=str(n))]) for n in range(1, 1051)]
    )

    def published() -> list[str]:
        told = len(admin.shop.deliveries)
        admin.shop.settle()
        return [delivery.command_id for delivery in admin.shop.deliveries[told:]]

    assert admin.republish("cart-long", 7, 7) == RepublishResponse(commits=1)
    assert published() == ["7"]
    assert admin.republish("cart-long", 30, 89) == RepublishResponse(commits=60)
    assert sorted(map(int, published())) == list(range(30, 90))
    assert admin.republish("cart-long", 1) == RepublishResponse(commits=1000, next_from=1001)
    assert len(published()) == 1000
    assert admin.republish("cart-long", 1001) == RepublishResponse(commits=50)
    assert admin.republish("cart-long", 51) == RepublishResponse(commits=1000)
    assert admin.republish("cart-long", 2, 1001) == RepublishResponse(commits=1000)
    assert admin.republish("cart-long", 2, 1002) == RepublishResponse(commits=1000, next_from=1002)
    assert admin.republish("cart-long", 2000) == RepublishResponse()


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 5), (5, 4)])
def test_a_range_that_is_none_is_refused(admin: Admin, first: int, last: int) -> None:
    assert refusal(admin.republish, "cart-c1", first, last)[0] == grpc.StatusCode.INVALID_ARGUMENT


# Trace


def traced_by_id(answer: TraceResponse) -> dict[str, TracedCommand]:
    return {command.outcome.command_id: command for command in answer.commands}


def test_a_checkout_is_traced_to_its_order_its_stock_and_its_payment_window(admin: Admin) -> None:
    sell_tea(admin.shop)
    admin.shop.do(register("cup", 100))
    admin.shop.do(receive("cup", 5))
    admin.shop.do(add())
    admin.shop.do(add(product_id="cup"))
    checkout = admin.shop.do(check_out(total=600))
    answer = admin.trace(checkout.command_id, "cart-c1")
    assert kinds(answer) == [
        ("CheckOutCart", "APPLIED"),
        ("PlaceOrder", "APPLIED"),
        ("ReserveStock", "APPLIED"),
        ("ReserveStock", "APPLIED"),
        ("NoteStockReserved", "APPLIED"),
        ("NoteStockReserved", "APPLIED"),
        ("EndPaymentWindow", "ACCEPTED"),
    ]
    assert not answer.truncated
    first, *followed = answer.commands
    assert not first.cause
    known = {event.id for command in answer.commands for event in command.events}
    for command in followed:
        assert command.cause in known
        assert command.cause == command.outcome.causation_id
    stored = {e.id: e for c in admin.shop.storage.events.scan() for e in c.events}
    for command in answer.commands:
        for event in command.events:
            stored[event.id].ClearField("data")
            assert event == stored[event.id]
            assert event.causation_id == command.outcome.command_id
        stages = [time.ToNanoseconds() for _, time in command.outcome.stages.ListFields()]
        assert stages == sorted(stages)
        assert bool(stages) == (command.outcome.status == Outcome.APPLIED)
    window = answer.commands[-1].outcome
    assert (window.stream, window.subject) == ("order-c1", "policy:checkout")


def test_a_payment_window_that_has_passed_is_traced_to_its_end(admin: Admin) -> None:
    impatient = Shop(admin.shop.storage, payment_window_s=0)
    sell_tea(impatient)
    impatient.do(add())
    checkout = impatient.do(check_out())
    answer = admin.trace(checkout.command_id, "cart-c1")
    assert kinds(answer)[-2:] == [("EndPaymentWindow", "APPLIED"), ("ReleaseStock", "APPLIED")]


def test_redis_adds_what_came_after_the_decision_and_knows_the_stream(admin: Admin) -> None:
    sell_tea(admin.shop)
    outcome = admin.shop.do(add())
    [alone] = admin.trace(outcome.command_id, "cart-c1").commands
    assert not alone.outcome.stages.HasField("projected_at")
    code, why = refusal(admin.trace, outcome.command_id)
    assert (code, "stream" in why) == (grpc.StatusCode.NOT_FOUND, True)
    admin.tell_redis()
    for stream in ("", "cart-c1"):
        [command] = admin.trace(outcome.command_id, stream).commands
        assert command.outcome == outcome
        assert len(command.outcome.stages.ListFields()) == 8
        assert [event.id for event in command.events] == ["cart-c1:1"]


def test_a_command_that_waits_is_traced_by_redis_alone(admin: Admin) -> None:
    waiting = Outcome(command_id="w", status=Outcome.ACCEPTED, stream="cart-c1", subject="alice")
    waiting.stages.accepted_at.GetCurrentTime()
    pipeline = admin.board._redis.pipeline()
    admin.board.note_accepted(pipeline, waiting)
    pipeline.execute()
    [command] = admin.trace("w").commands
    assert command.outcome == waiting
    assert refusal(admin.trace, "w", "cart-c2")[0] == grpc.StatusCode.NOT_FOUND


def test_a_command_that_failed_once_and_was_decided_later_is_traced_as_decided(admin: Admin) -> None:
    sell_tea(admin.shop)
    outcome = admin.shop.do(add())
    failed = Outcome(command_id=outcome.command_id, status=Outcome.FAILED, stream="cart-c1")
    admin.shop.deliveries.append(
        type(admin.shop.deliveries[0])(command_id=outcome.command_id, outcome=failed)
    )
    admin.tell_redis()
    [command] = admin.trace(outcome.command_id).commands
    assert command.outcome.status == Outcome.APPLIED


def test_an_unknown_command_is_not_found(admin: Admin) -> None:
    sell_tea(admin.shop)
    for arguments in (("nobody",), ("nobody", "cart-c1"), ("nobody", "product-tea")):
        assert refusal(admin.trace, *arguments)[0] == grpc.StatusCode.NOT_FOUND
    for command_id in ("", "x" * 65, "a b"):
        assert refusal(admin.trace, command_id, "cart-c1")[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_a_command_past_the_memory_of_its_stream_is_traced(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PROCESSED_WINDOW", 3)
    sell_tea(admin.shop)
    old = admin.shop.do(add())
    for _ in range(6):
        admin.shop.do(add())
    [command] = admin.trace(old.command_id, "cart-c1").commands
    assert decision(command.outcome) == decision(old)


def test_a_command_of_a_stream_that_cannot_be_read_is_traced(admin: Admin) -> None:
    commit = Commit.FromString(STORED)
    commit.outcomes.add(command_id="x", status=Outcome.APPLIED, stream="cart-old")
    commit.events[0].type = "prism.cart.v9.CartFlew"
    commit.events[0].causation_id = "x"
    admin.shop.storage.events.append([commit])
    [command] = admin.trace("x", "cart-old").commands
    assert command.events[0].type == "prism.cart.v9.CartFlew"


def test_a_long_chain_is_cut(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_admin, "MAX_TRACED", 3)
    sell_tea(admin.shop)
    admin.shop.do(add())
    checkout = admin.shop.do(check_out())
    answer = admin.trace(checkout.command_id, "cart-c1")
    assert kinds(answer) == [(name, "APPLIED") for name in ("CheckOutCart", "PlaceOrder", "ReserveStock")]
    assert answer.truncated
    monkeypatch.setattr(streams_admin, "MAX_TRACED", 5)
    assert not admin.trace(checkout.command_id, "cart-c1").truncated


def test_without_redis_the_stream_knows(shop: Shop, own_redis: RedisServer) -> None:
    admin = Admin(shop, own_redis.url)
    server = grpc.server(ThreadPoolExecutor(2))
    admin.serve(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    own_redis.stop()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        admin.connect(channel)
        outcome = shop.do(add())
        assert decision(admin.trace(outcome.command_id, "cart-c1").commands[0].outcome) == decision(outcome)
        assert refusal(admin.trace, outcome.command_id)[0] == grpc.StatusCode.UNAVAILABLE
    server.stop(None).wait()
