"""From a cart to a shipped order, with stock that is never oversold and never leaks."""

import random
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protovalidate import collect_violations

from domain_svc import streams
from domain_svc.streams import Streams
from kernel.embedded.storage import EmbeddedStorage
from kernel.policy import Send
from kernel.queues import COMMANDS, COMMANDS_LATER
from prism.cart.v1.events_pb2 import CartCheckedOut
from prism.envelope.v1.envelope_pb2 import Outcome
from prism.order.v1.views_pb2 import OrderView
from prism.stock.v1.commands_pb2 import ReserveStock
from tests.commands import add, cancel, check_out, pay, receive, register, ship
from tests.shop import Shop, command_envelope, open_shop


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.do(register())
    shop.do(receive(quantity=10))
    return shop


def stock(shop: Shop, product_id: str = "tea") -> tuple[int, int]:
    """On hand and reserved, as the event store has it."""
    handler = shop.replica()
    own: Streams = handler._streams
    state = own.load(f"stock-{product_id}").state
    return state.on_hand, state.reserved


def test_a_checkout_becomes_a_confirmed_order_with_its_stock_reserved(stocked: Shop) -> None:
    stocked.do(add(quantity=3))
    stocked.do(check_out(total=1500))
    order = stocked.view("order", "c1")
    assert (order.status, order.customer_id, order.total.minor_units) == (OrderView.CONFIRMED, "alice", 1500)
    assert stock(stocked) == (10, 3)
    assert stocked.view("product", "catalogue", "tea").available == 7


def test_one_line_short_rejects_the_order_and_gives_the_rest_back(stocked: Shop) -> None:
    stocked.do(register("cup", 100))
    stocked.do(add(quantity=3))
    stocked.do(add(product_id="cup"))
    stocked.do(check_out(total=1600))
    order = stocked.view("order", "c1")
    assert (order.status, order.reason) == (OrderView.REJECTED, "OUT_OF_STOCK")
    assert stock(stocked) == (10, 0)
    assert stocked.view("product", "catalogue", "tea").available == 10


def test_paid_and_shipped_stock_leaves_the_house(stocked: Shop) -> None:
    stocked.do(add(quantity=3))
    stocked.do(check_out(total=1500))
    assert stocked.do(pay(total=1500)).status == Outcome.APPLIED
    assert stocked.do(ship(), by="bob").status == Outcome.APPLIED
    assert stocked.view("order", "c1").status == OrderView.SHIPPED
    assert stock(stocked) == (7, 0)
    assert stocked.view("product", "catalogue", "tea").available == 7


@pytest.mark.parametrize("paid", [False, True])
def test_a_cancellation_before_shipping_gives_the_stock_back(stocked: Shop, paid: bool) -> None:
    stocked.do(add(quantity=3))
    stocked.do(check_out(total=1500))
    if paid:
        stocked.do(pay(total=1500))
    assert stocked.do(cancel(reason="changed my mind")).status == Outcome.APPLIED
    order = stocked.view("order", "c1")
    assert (order.status, order.reason) == (OrderView.CANCELLED, "changed my mind")
    assert stock(stocked) == (10, 0)


def test_an_unpaid_order_is_cancelled_when_its_window_has_passed(tmp_path: Path) -> None:
    now = time.time()
    shop = Shop(EmbeddedStorage(str(tmp_path), clock=lambda: now), payment_window_s=900)
    shop.do(register())
    shop.do(receive())
    shop.do(add())
    shop.do(check_out())
    now += 899
    shop.settle()
    assert shop.view("order", "c1").status == OrderView.CONFIRMED
    waiting = {name: shop.storage.queue(name).depth().messages for name in (COMMANDS, COMMANDS_LATER)}
    assert waiting == {COMMANDS: 0, COMMANDS_LATER: 1}, "it is no backlog"
    now += 2
    shop.settle()
    order = shop.view("order", "c1")
    assert (order.status, order.reason) == (OrderView.CANCELLED, "PAYMENT_WINDOW_PASSED")
    assert stock(shop) == (10, 0)


def test_the_last_item_goes_to_one_of_many(stocked: Shop) -> None:
    for number in range(12):
        stocked.do(add(f"c{number}"), by=f"shopper{number}")
    stocked.queue([command_envelope(check_out(f"c{number}"), by=f"shopper{number}") for number in range(12)])
    stocked.settle()
    statuses = [stocked.view("order", f"c{number}").status for number in range(12)]
    assert statuses.count(OrderView.CONFIRMED) == 10
    assert statuses.count(OrderView.REJECTED) == 2
    assert stock(stocked) == (10, 10)


def test_a_reservation_that_comes_after_the_cancellation_goes_back(stocked: Shop) -> None:
    stocked.do(add())
    stocked.send(check_out())
    stocked.step("commands")
    stocked.step("events-policies")
    stocked.step("commands")
    stocked.step("events-policies")
    # PlaceOrder is decided and ReserveStock is queued: cancel before it is handled.
    reserving = stocked.storage.queue("commands").receive()
    stocked.send(cancel())
    stocked.settle()
    assert stocked.view("order", "c1").status == OrderView.CANCELLED
    stocked.storage.queue("commands").extend(reserving, 0)
    stocked.settle()
    assert stock(stocked) == (10, 0)


def test_policies_send_the_same_commands_for_a_repeated_event(stocked: Shop) -> None:
    stocked.do(add())
    stocked.do(check_out())
    stocked.publish(list(stocked.storage.events.scan()))
    stocked.settle()
    assert stock(stocked) == (10, 1)
    assert len(stocked.storage.events.read("order-c1")) == 2


def test_an_order_that_asks_twice_has_one_reservation(stocked: Shop) -> None:
    for _ in range(2):
        stocked.do(ReserveStock(product_id="tea", order_id="c1", quantity=4), by="policy:checkout")
    assert stock(stocked) == (10, 4)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**9))
def test_whatever_order_things_come_in_stock_adds_up(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Shuffled, repeated deliveries between two replicas; at rest nothing is oversold or lost."""
    dice = random.Random(seed)  # noqa: S311 # a seed, not a secret
    shop = open_shop(tmp_path_factory.mktemp("shop"))
    replicas = [shop.replica(), shop.replica()]
    shop.do(register())
    shop.do(receive(quantity=5))
    carts = [f"c{number}" for number in range(5)]
    for cart in carts:
        shop.do(add(cart, quantity=dice.randint(1, 3)))
    commands = [command_envelope(check_out(cart, total(shop, cart))) for cart in carts]
    commands += [command_envelope(cancel(cart)) for cart in carts if dice.random() < 0.4]
    for command in commands:
        shop.queue([command])
    for _ in range(400):
        queue = shop.storage.queue(name := dice.choice(list(shop.handlers)))
        messages = queue.receive(dice.randint(1, 4))
        if not messages:
            continue
        dice.shuffle(messages)
        shop.handlers["commands"] = dice.choice(replicas)
        shop.handlers[name](messages)
        if dice.random() < 0.3:
            queue.extend(messages, 0)
        else:
            queue.delete(messages)
    shop.settle()
    orders = [shop.view("order", cart) for cart in carts]
    held = sum(line.quantity for o in orders if o.status == OrderView.CONFIRMED for line in o.lines)
    assert stock(shop) == (5, held)
    assert shop.view("product", "catalogue", "tea").available == 5 - held
    assert all(o.status in (OrderView.CONFIRMED, OrderView.REJECTED, OrderView.CANCELLED) for o in orders)
    assert not shop.dead


def total(shop: Shop, cart_id: str) -> int:
    return int(shop.view("cart", cart_id).total.minor_units)


def test_a_commit_that_nobody_can_react_to_keeps_no_other_from_its_order(
    stocked: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    [policy] = stocked.policies
    placing = policy.reactions["prism.cart.v1.CartCheckedOut"]

    def stumble(event: CartCheckedOut) -> Iterable[Send]:
        if event.cart_id == "bad":
            raise ZeroDivisionError("oops")
        return placing(event)

    monkeypatch.setitem(policy.reactions, "prism.cart.v1.CartCheckedOut", stumble)
    for cart in ("bad", "good"):
        stocked.do(add(cart))
    stocked.queue([command_envelope(check_out(cart)) for cart in ("bad", "good")])
    stocked.settle()
    assert stocked.view("order", "good").status == OrderView.CONFIRMED
    assert stocked.view("order", "bad") is None
    [letter] = stocked.dead
    assert letter.reason == "ZeroDivisionError: oops"


def test_the_largest_order_there_can_be_is_placed(shop: Shop) -> None:
    name = "\u6f22" * 116
    products = [f"p{number:063d}" for number in range(100)]
    # Of all that a cart may come to, which is what can be expected and paid: 10^12.
    for product_id in products:
        command = register(product_id, 10**7)
        command.name = name
        assert not list(collect_violations(command))
        shop.send(command)
        shop.send(receive(product_id, 999))
    shop.settle()
    shop.queue([command_envelope(add("c" * 64, product_id, 999)) for product_id in products])
    shop.settle()
    assert shop.do(check_out("c" * 64, 999 * 100 * 10**7)).status == Outcome.APPLIED
    assert len(shop.view("order", "c" * 64).lines) == 100
    assert not shop.dead


def test_a_late_repeat_of_a_whole_checkout_leaves_the_stock_as_it_is(
    stocked: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the policies sent first is forgotten by its streams when it is sent again.
    monkeypatch.setattr(streams, "PROCESSED_WINDOW", 1)
    stocked.do(add(quantity=3))
    checkout = stocked.send(check_out(total=1500))
    stocked.settle()
    stocked.do(pay(total=1500))
    stocked.do(ship(), by="bob")
    assert stock(stocked) == (7, 0)
    stocked.queue([checkout])
    stocked.settle()
    assert stock(stocked) == (7, 0)
    assert stocked.view("product", "catalogue", "tea").available == 7


@pytest.mark.parametrize("snapshot_every", [2, 1000])
def test_a_receipt_is_remembered_however_many_orders_reserved_since(
    stocked: Shop, monkeypatch: pytest.MonkeyPatch, snapshot_every: int
) -> None:
    monkeypatch.setattr(streams, "PROCESSED_WINDOW", 3)
    monkeypatch.setattr(streams, "SNAPSHOT_EVERY", snapshot_every)
    receipt = stocked.send(receive(quantity=5))
    stocked.settle()
    for cart in ("c1", "c2", "c3", "c4"):
        stocked.do(add(cart))
        stocked.do(check_out(cart))
    assert stock(stocked) == (15, 4)
    stocked.handlers["commands"] = stocked.replica()
    stocked.queue([receipt])
    stocked.settle()
    assert stock(stocked) == (15, 4)
