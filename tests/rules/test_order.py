import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from domain_svc.aggregates.order import order
from kernel import money
from prism.common.v1.money_pb2 import Money
from prism.order.v1.commands_pb2 import (
    CancelOrder,
    EndPaymentWindow,
    NoteStockRefused,
    NoteStockReserved,
    PayOrder,
    PlaceOrder,
    ShipOrder,
)
from prism.order.v1.events_pb2 import (
    OrderCancelled,
    OrderConfirmed,
    OrderLineReserved,
    OrderLineReturned,
    OrderPaid,
    OrderPlaced,
    OrderRef,
    OrderRejected,
    OrderShipped,
)
from tests.rules.specification import NOON, given

TOTAL = Money(currency="EUR", minor_units=1700)
LINES = [
    money.line("tea", "Tea", 2, Money(currency="EUR", minor_units=500)),
    money.line("cup", "Cup", 1, Money(currency="EUR", minor_units=700)),
]
REF = OrderRef(order_id="o1", customer_id="alice", placed_at=NOON)
PLACED = OrderPlaced(order=REF, lines=LINES, total=TOTAL)
TEA = OrderLineReserved(order=REF, product_id="tea")
CUP = OrderLineReserved(order=REF, product_id="cup")
CONFIRMED = OrderConfirmed(order=REF)
PAID = OrderPaid(order=REF, amount=TOTAL, lines=LINES, paid_at=NOON)
SHIPPED = OrderShipped(order=REF, lines=LINES)
REJECTED = OrderRejected(order=REF, reason="OUT_OF_STOCK", reserved_product_ids=["tea"])
CANCELLED = OrderCancelled(order=REF, reason="no")

TO_CONFIRMED = [PLACED, TEA, CUP, CONFIRMED]
PAY = PayOrder(order_id="o1", amount=TOTAL)
SHIP = ShipOrder(order_id="o1")
CANCEL = CancelOrder(order_id="o1", reason="no")
END = EndPaymentWindow(order_id="o1")


def note_reserved(product_id: str) -> NoteStockReserved:
    return NoteStockReserved(order_id="o1", product_id=product_id)


def cancelled(*reserved: str, reason: str = "no", paid_at: Timestamp | None = None) -> OrderCancelled:
    lines = LINES if paid_at else []
    return OrderCancelled(
        order=REF, reason=reason, reserved_product_ids=reserved, paid_at=paid_at, lines=lines
    )


def test_an_order_is_placed_once() -> None:
    place = PlaceOrder(order_id="o1", customer_id="alice", lines=LINES, total=TOTAL)
    given(order).when(place).then(PLACED)
    given(order, PLACED).when(place).then()


def test_the_last_reserved_line_confirms_it() -> None:
    given(order, PLACED).when(note_reserved("tea")).then(TEA)
    given(order, PLACED, TEA).when(note_reserved("cup")).then(CUP, CONFIRMED)


def test_a_line_is_reserved_once() -> None:
    given(order, PLACED, TEA).when(note_reserved("tea")).then()


def test_one_line_short_rejects_it_and_names_what_goes_back() -> None:
    given(order, PLACED, TEA).when(NoteStockRefused(order_id="o1", product_id="cup")).then(REJECTED)


def test_a_second_refusal_changes_nothing() -> None:
    given(order, PLACED, TEA, REJECTED).when(NoteStockRefused(order_id="o1", product_id="cup")).then()


def test_a_reservation_that_comes_after_the_end_goes_back() -> None:
    returned = OrderLineReturned(order=REF, product_id="cup")
    given(order, PLACED, TEA, REJECTED).when(note_reserved("cup")).then(returned)
    given(order, PLACED, CANCELLED).when(note_reserved("cup")).then(returned)


def test_a_second_reservation_for_an_order_that_has_ended_goes_back() -> None:
    returned = OrderLineReturned(order=REF, product_id="tea")
    for end in ([TEA, REJECTED], [TEA, CANCELLED], [TEA, CUP, CONFIRMED, PAID, SHIPPED]):
        given(order, PLACED, *end).when(note_reserved("tea")).then(returned)


def test_a_confirmed_order_is_paid_by_its_exact_total() -> None:
    given(order, *TO_CONFIRMED).when(PAY).then(PAID)
    for amount in (Money(currency="EUR", minor_units=1699), Money(currency="USD", minor_units=1700)):
        given(order, *TO_CONFIRMED).when(PayOrder(order_id="o1", amount=amount)).rejected("WRONG_AMOUNT")


def test_an_order_is_paid_and_cancelled_by_its_owner() -> None:
    given(order, *TO_CONFIRMED).when(PAY, by="mallory").rejected("NOT_ORDER_OWNER")
    given(order, *TO_CONFIRMED).when(CANCEL, by="mallory").rejected("NOT_ORDER_OWNER")


def test_a_merchant_cancels_any_order() -> None:
    given(order, *TO_CONFIRMED).when(CANCEL, by="bob", roles=("merchant",)).then(cancelled("tea", "cup"))


def test_a_paid_order_is_shipped() -> None:
    given(order, *TO_CONFIRMED, PAID).when(SHIP).then(SHIPPED)


@pytest.mark.parametrize(
    ("past", "reserved"), [([PLACED], []), ([PLACED, TEA], ["tea"]), (TO_CONFIRMED, ["tea", "cup"])]
)
def test_an_order_is_cancelled_before_it_is_paid(past: list[Message], reserved: list[str]) -> None:
    given(order, *past).when(CANCEL).then(cancelled(*reserved))


def test_a_cancellation_after_payment_says_what_was_sold_and_when() -> None:
    given(order, *TO_CONFIRMED, PAID).when(CANCEL).then(cancelled("tea", "cup", paid_at=NOON))


def test_the_payment_window_ends_for_a_confirmed_order_alone() -> None:
    given(order, *TO_CONFIRMED).when(END).then(cancelled("tea", "cup", reason="PAYMENT_WINDOW_PASSED"))
    for past in ([PLACED], [*TO_CONFIRMED, PAID], [*TO_CONFIRMED, cancelled()], []):
        given(order, *past).when(END).then()


WRONG_STEPS = [
    (PAY, [PLACED]),
    (PAY, [PLACED, REJECTED]),
    (PAY, [*TO_CONFIRMED, PAID]),
    (PAY, [*TO_CONFIRMED, PAID, SHIPPED]),
    (PAY, [*TO_CONFIRMED, CANCELLED]),
    (SHIP, [PLACED]),
    (SHIP, TO_CONFIRMED),
    (SHIP, [*TO_CONFIRMED, PAID, SHIPPED]),
    (SHIP, [*TO_CONFIRMED, CANCELLED]),
    (CANCEL, [PLACED, REJECTED]),
    (CANCEL, [*TO_CONFIRMED, PAID, SHIPPED]),
    (CANCEL, [*TO_CONFIRMED, CANCELLED]),
]


@pytest.mark.parametrize(("command", "past"), WRONG_STEPS)
def test_no_step_is_taken_out_of_its_turn(command: Message, past: list[Message]) -> None:
    given(order, *past).when(command).rejected("WRONG_ORDER_STATUS")


@pytest.mark.parametrize("command", [PAY, SHIP, CANCEL, note_reserved("tea")])
def test_there_is_nothing_to_do_with_an_order_that_does_not_exist(command: Message) -> None:
    given(order).when(command).rejected("NOT_FOUND")
