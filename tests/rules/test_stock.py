from hypothesis import given as anything
from hypothesis import strategies as st

from domain_svc.aggregates.product import product
from domain_svc.aggregates.stock import MAX_ON_HAND, Stock, stock
from kernel.aggregate import About
from prism.product.v1.events_pb2 import ProductDiscontinued, ProductRegistered
from prism.stock.v1.commands_pb2 import DispatchStock, ReceiveStock, ReleaseStock, ReserveStock
from prism.stock.v1.events_pb2 import (
    StockDispatched,
    StockReceived,
    StockReleased,
    StockReservationRefused,
    StockReserved,
)
from tests.rules.specification import NOON, given, state_after

REGISTERED = ProductRegistered(product_id="p1", name="Tea")
TEN = StockReceived(product_id="p1", quantity=10)


def reserved(order_id: str, quantity: int) -> StockReserved:
    return StockReserved(product_id="p1", order_id=order_id, quantity=quantity)


def reserve(order_id: str, quantity: int) -> ReserveStock:
    return ReserveStock(product_id="p1", order_id=order_id, quantity=quantity)


def test_stock_of_a_product_is_received() -> None:
    given(stock).beside(product, "p1", REGISTERED).when(ReceiveStock(product_id="p1", quantity=10)).then(TEN)


def test_stock_of_a_discontinued_product_may_still_arrive() -> None:
    past = [REGISTERED, ProductDiscontinued(product_id="p1")]
    given(stock).beside(product, "p1", *past).when(ReceiveStock(product_id="p1", quantity=10)).then(TEN)


def test_there_is_no_stock_of_an_unknown_product() -> None:
    given(stock).beside(product, "p1").when(ReceiveStock(product_id="p1", quantity=10)).rejected("NOT_FOUND")


def test_stock_has_a_limit() -> None:
    full = StockReceived(product_id="p1", quantity=MAX_ON_HAND)
    given(stock, full).beside(product, "p1", REGISTERED).when(
        ReceiveStock(product_id="p1", quantity=1)
    ).rejected("STOCK_LIMIT_EXCEEDED")


def test_what_is_available_is_reserved() -> None:
    given(stock, TEN).when(reserve("o1", 10)).then(reserved("o1", 10))


def test_more_than_is_available_is_refused_as_a_whole() -> None:
    given(stock, TEN, reserved("o1", 7)).when(reserve("o2", 4)).then(
        StockReservationRefused(product_id="p1", order_id="o2", quantity=4, available=3)
    )


def test_an_order_reserves_once() -> None:
    given(stock, TEN, reserved("o1", 3)).when(reserve("o1", 3)).then()


def test_a_reservation_is_released() -> None:
    given(stock, TEN, reserved("o1", 3)).when(ReleaseStock(product_id="p1", order_id="o1")).then(
        StockReleased(product_id="p1", order_id="o1", quantity=3)
    )


def test_there_is_nothing_to_release_without_a_reservation() -> None:
    given(stock, TEN).when(ReleaseStock(product_id="p1", order_id="o1")).then()


def test_what_is_dispatched_leaves_the_house() -> None:
    dispatched = StockDispatched(product_id="p1", order_id="o1", quantity=3)
    given(stock, TEN, reserved("o1", 3)).when(DispatchStock(product_id="p1", order_id="o1")).then(dispatched)
    assert state_after(stock, TEN, reserved("o1", 3), dispatched) == Stock(on_hand=7)


COMMANDS = st.one_of(
    st.builds(ReceiveStock, product_id=st.just("p1"), quantity=st.integers(1, 20)),
    st.builds(
        ReserveStock,
        product_id=st.just("p1"),
        order_id=st.sampled_from("abcde"),
        quantity=st.integers(1, 20),
    ),
    st.builds(ReleaseStock, product_id=st.just("p1"), order_id=st.sampled_from("abcde")),
    st.builds(DispatchStock, product_id=st.just("p1"), order_id=st.sampled_from("abcde")),
)


@anything(st.lists(COMMANDS, max_size=60))
def test_never_oversold_and_nothing_leaks_whatever_comes_in_whatever_order(commands: list[object]) -> None:
    registered = state_after(product, REGISTERED)
    about = About("alice", frozenset(), NOON, {"product-p1": registered})
    state, received, left = stock.initial, 0, 0
    for command in commands:
        for event in stock.decide(state, command, about):  # type: ignore[arg-type] # each is a command
            state = stock.evolve(state, event)
            received += event.quantity if isinstance(event, StockReceived) else 0
            left += event.quantity if isinstance(event, StockDispatched) else 0
        assert 0 <= state.reserved <= state.on_hand
        assert state.reserved == sum(state.reservations.values())
        assert state.on_hand == received - left
