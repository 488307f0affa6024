"""Whatever lies in a queue: it is set aside with a reason, and its neighbours are handled as if it were not there."""

from itertools import count
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from domain_svc.aggregates.stock import stock
from kernel.queues import COMMANDS
from prism.envelope.v1.envelope_pb2 import (
    CommandMessage,
    Commit,
    CommitEntry,
    CommitMessage,
    CommitPointer,
    Envelope,
    Outcome,
)
from prism.order.v1.commands_pb2 import PlaceOrder
from prism.stock.v1.commands_pb2 import ReleaseStock, ReserveStock
from tests.commands import add, check_out, eur, receive, register
from tests.input.damage import UNKNOWN_FIELD, damaged
from tests.input.workers import Workers
from tests.shop import READER, command_envelope

EVENT_QUEUES = ["events-views", "events-sales", "events-policies"]
INT64_MAX = 2**63 - 1
_numbers = count()


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Workers:
    """A shop with tea for everybody, where a victim has ordered something of their own."""
    workers = Workers(tmp_path_factory.mktemp("workers"))
    mine: list[Message] = [add("victim", "own", 2), check_out("victim", 1000)]
    for command in (register("tea"), receive("tea", 1_000_000), register("own"), receive("own"), *mine):
        workers.shop.send(command)
        workers.settle()
    return workers


def in_message(*commands: Envelope) -> bytes:
    return CommandMessage(commands=commands).SerializeToString()


def commits(*packed: Commit) -> bytes:
    return CommitMessage(commits=[CommitEntry(commit=commit) for commit in packed]).SerializeToString()


class Neighbour:
    """Somebody who shops while it happens."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self.cart = f"neighbour-{next(_numbers)}"
        self.command = command_envelope(add(self.cart, "tea", 2))
        self._known = {queue: len(workers.letters(queue)) for queue in (COMMANDS, *EVENT_QUEUES)}

    def is_unharmed(self) -> None:
        """Served once, and nobody has what is not there."""
        shop = self._workers.shop
        assert shop.outcome(self.command.id).status == Outcome.APPLIED
        assert len(self._workers.events(f"cart-{self.cart}")) == 1
        view = shop.view("cart", self.cart)
        assert (view.version, view.lines[0].quantity, view.total) == (1, 2, eur(1000))
        for product in ("tea", "own"):
            state = stock.initial
            for event in self._workers.events(f"stock-{product}"):
                state = stock.evolve(state, READER.read(event))
                assert 0 <= state.reserved <= state.on_hand
                assert all(quantity > 0 for quantity in state.reservations.values())

    def letters(self, queue: str) -> list[tuple[bytes, str]]:
        """What was set aside meanwhile: the body and the reason."""
        letters = self._workers.letters(queue)[self._known[queue] :]
        assert all(letter.reason and letter.queue == queue for letter in letters)
        return [(letter.body, letter.reason) for letter in letters]


# Envelopes


def changed(command: Message, **fields: Any) -> Envelope:  # noqa: ANN401 # whatever an envelope has
    return command_envelope(command, **fields)


def order(**fields: Any) -> PlaceOrder:  # noqa: ANN401 # of any type
    placed = PlaceOrder(order_id="forged", customer_id="alice", total=eur(500))
    placed.lines.add(product_id="tea", name="Tea", quantity=1, unit_price=eur(500), line_total=eur(500))
    for name, value in fields.items():
        setattr(placed.lines[0], name, value)
    return placed


def many_lines() -> PlaceOrder:
    placed = order()
    placed.lines.extend([placed.lines[0]] * 500)
    return placed


def without_lines() -> PlaceOrder:
    placed = order()
    del placed.lines[:]
    return placed


def dear_order() -> PlaceOrder:
    placed = order()
    placed.lines[0].unit_price.minor_units = placed.total.minor_units = INT64_MAX
    return placed


def priced(currency: str, minor_units: int) -> Message:
    command = register("forged")
    command.price.currency, command.price.minor_units = currency, minor_units
    return command


FORGED: dict[str, tuple[Envelope, str]] = {
    "no id": (changed(add(), id=""), "no id"),
    "an id with a NUL": (changed(add(), id="a\0b"), "no id"),
    "an endless id": (changed(add(), id="x" * 40_000), "no id"),
    "no type": (changed(add(), type=""), "no type"),
    "a type that is none": (changed(add(), type="../../etc/passwd"), "no type"),
    "no stream": (changed(add(), stream=""), "no stream"),
    "a stream with a NUL": (changed(add(), stream="cart-a\0"), "no stream"),
    "an endless stream": (changed(add(), stream="cart-" + "x" * 40_000), "no stream"),
    "no sender": (changed(add(), subject=""), "no sender"),
    "a sender of two lines": (changed(add(), subject="alice\r\nbob"), "no sender"),
    "another's cart": (changed(add("own"), stream="cart-victim"), "'cart-own'"),
    "another aggregate": (changed(add(), stream="order-c1"), "'cart-c1'"),
    "another command's bytes": (changed(add(), data=b"\x08\x01\x10\x01"), "'cart-'"),
    "no bytes": (changed(add(), data=b""), "'cart-'"),
    "bytes that are no text": (changed(add(), data=b"\x0a\x02\xff\xfe"), "does not decode"),
    "less than nothing": (changed(add(quantity=-1)), "quantity"),
    "stock of less than nothing": (changed(receive("own", -5)), "quantity"),
    "stock without end": (changed(receive("own", 2**31 - 1)), "quantity"),
    "less than nothing reserved": (
        changed(ReserveStock(product_id="own", order_id="o", quantity=-5)),
        "quantity",
    ),
    "nothing reserved": (changed(ReserveStock(product_id="own", order_id="o")), "quantity"),
    "a reservation of nobody": (changed(ReleaseStock(product_id="own")), "orderId"),
    "a price below zero": (changed(priced("EUR", -1)), "minorUnits"),
    "a price beyond numbers": (changed(priced("EUR", INT64_MAX)), "minorUnits"),
    "a currency that is none": (changed(priced("X", 5)), "currency"),
    "an order without lines": (changed(without_lines()), "lines"),
    "an order of too many lines": (changed(many_lines()), "lines"),
    "an order of less than nothing": (changed(order(quantity=-1)), "lines"),
    "an order beyond numbers": (changed(dear_order()), "minorUnits"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_command_is_set_aside(workers: Workers, name: str) -> None:
    forged, reason = FORGED[name]
    neighbour = Neighbour(workers)
    streams = {commit.stream: commit.number for commit in workers.storage.events.scan()}
    workers.put(COMMANDS, in_message(forged, neighbour.command))
    workers.settle()
    neighbour.is_unharmed()
    [(body, why)] = neighbour.letters(COMMANDS)
    assert list(CommandMessage.FromString(body).commands) == [forged]
    assert reason in why
    # Nothing else has happened to anybody.
    after = {commit.stream: commit.number for commit in workers.storage.events.scan()}
    assert after == streams | {f"cart-{neighbour.cart}": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"traceparent": "nonsense"},
        {"traceparent": "\n" * 60},
        {"correlation_id": ""},
        {"roles": []},
        {"expected_version": 0},
    ],
)
def test_what_an_envelope_says_beside_its_command_may_be_anything(
    workers: Workers, fields: dict[str, Any]
) -> None:
    neighbour = Neighbour(workers)
    roles = fields.pop("roles", None)
    odd = command_envelope(add(f"odd-{next(_numbers)}"), **fields)
    if roles is not None:
        del odd.roles[:]
    odd.time.seconds, odd.time.nanos = -(2**60), 2**31 - 1
    workers.put(COMMANDS, in_message(odd, neighbour.command))
    workers.settle()
    neighbour.is_unharmed()
    assert workers.shop.outcome(odd.id).status == Outcome.APPLIED


def test_fields_of_a_later_release_do_no_harm(workers: Workers) -> None:
    neighbour = Neighbour(workers)
    odd = command_envelope(add(f"odd-{next(_numbers)}"))
    odd.data += UNKNOWN_FIELD
    workers.put(COMMANDS, in_message(odd, neighbour.command) + UNKNOWN_FIELD)
    workers.settle()
    neighbour.is_unharmed()
    assert workers.shop.outcome(odd.id).status == Outcome.APPLIED


@pytest.mark.parametrize("body", [b"", UNKNOWN_FIELD])
@pytest.mark.parametrize("queue", [COMMANDS, *EVENT_QUEUES])
def test_a_message_that_carries_nothing_does_not_vanish(workers: Workers, queue: str, body: bytes) -> None:
    neighbour = Neighbour(workers)
    workers.put(queue, body)
    workers.put(COMMANDS, in_message(neighbour.command))
    workers.settle()
    neighbour.is_unharmed()
    [(kept, reason)] = neighbour.letters(queue)
    assert kept == body
    assert "carries no" in reason


# Commits


def forged_commit(stream: str = "cart-victim", number: int = 9, version: int = 9, **fields: Any) -> Commit:  # noqa: ANN401 # of any type
    commit = Commit(stream=stream, number=number, version=version)
    event = commit.events.add(
        id=f"{stream}:{version}",
        type="prism.cart.v1.ItemRemovedFromCart",
        stream=stream,
        version=version,
        # ItemRemovedFromCart of product `own` from cart `victim`.
        data=b"\x0a\x06victim\x12\x03own",
    )
    for name, value in fields.items():
        setattr(event, name, value)
    return commit


def strayed() -> Commit:
    commit = forged_commit()
    commit.events[0].stream = "cart-neighbour-0"
    return commit


def pointer(stream: str, number: int) -> bytes:
    entry = CommitEntry(pointer=CommitPointer(stream=stream, number=number))
    return CommitMessage(commits=[entry]).SerializeToString()


FORGED_COMMITS = {
    "an entry of nothing": (CommitMessage(commits=[CommitEntry()]).SerializeToString(), "no commit 0"),
    "a pointer to nowhere": (pointer("cart-nobody", 7), "no commit 7"),
    "a pointer past the end": (pointer("cart-victim", 2**32 - 1), "no commit"),
    "a pointer into the dark": (pointer("a\0b" * 100, 1), "no commit 1"),
    "no stream": (commits(forged_commit(stream="")), "no stream"),
    "an endless stream": (commits(forged_commit(stream="cart-" + "x" * 10_000)), "no stream"),
    "number 0": (commits(forged_commit(number=0)), "no stream"),
    "an event of another stream": (commits(strayed()), "not in its place"),
    "version 0": (commits(forged_commit(version=0)), "not in its place"),
    "far ahead": (commits(forged_commit(number=2**32 - 1, version=2**32 - 1)), "ahead of its stream"),
    "no event that decodes": (commits(forged_commit(data=b"\xff")), "does not decode"),
    "another aggregate's event": (
        commits(forged_commit(stream="product-own", number=2, version=2)),
        "not in its place",
    ),
}


@pytest.mark.parametrize("name", FORGED_COMMITS)
def test_a_forged_commit_is_set_aside_and_the_rest_of_its_message_is_not(workers: Workers, name: str) -> None:
    forged, reason = FORGED_COMMITS[name]
    neighbour = Neighbour(workers)
    before = workers.shop.rows()
    whole = CommitMessage.FromString(forged)
    workers.put(COMMANDS, in_message(neighbour.command))
    workers.consumers[COMMANDS].step()
    # In one message with the neighbour's, which comes by no other way.
    [message] = workers.storage.queue("events-views").receive()
    whole.MergeFromString(message.body)
    workers.storage.queue("events-views").delete([message])
    workers.put("events-views", whole.SerializeToString())
    workers.settle()
    neighbour.is_unharmed()
    [(body, why)] = neighbour.letters("events-views")
    assert list(CommitMessage.FromString(body).commits) == list(CommitMessage.FromString(forged).commits)
    assert reason in why
    after = workers.shop.rows()
    assert {id_: row for id_, row in after.items() if id_.key != neighbour.cart} == before


# Anything


def dated(id_: str, command: Message) -> Envelope:
    """The same bytes at every run."""
    envelope = command_envelope(command, id=id_)
    envelope.time.FromSeconds(1_700_000_000)
    return envelope


GOOD = [
    in_message(dated("add", add("victim", "own"))),
    in_message(dated("check-out", check_out("victim", 1000)), dated("receive", receive("own"))),
    commits(forged_commit(number=2, version=2)),
    commits(forged_commit(number=1, version=1), forged_commit(number=2, version=2)),
]


@settings(max_examples=25, derandomize=True)
@given(st.data())
def test_damaged_messages_spoil_nothing_for_others(workers: Workers, data: st.DataObject) -> None:
    """Truncated, with other bits, foreign, or another queue's: in every queue, among what is good."""
    neighbour = Neighbour(workers)
    for queue in (COMMANDS, *EVENT_QUEUES):
        for damage in data.draw(st.lists(st.sampled_from(GOOD).flatmap(damaged), min_size=1, max_size=4)):
            workers.put(queue, damage)
    workers.put(COMMANDS, in_message(neighbour.command))
    workers.settle()
    neighbour.is_unharmed()
    assert all(reason for queue in (COMMANDS, *EVENT_QUEUES) for _, reason in neighbour.letters(queue))
