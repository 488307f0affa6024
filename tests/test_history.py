"""What the first release stored reads as current events everywhere."""

from pathlib import Path

import pytest

from kernel.errors import Poison, UnknownType
from prism.cart.v1 import events_pb2 as v1
from prism.cart.v2 import events_pb2 as v2
from prism.envelope.v1.envelope_pb2 import Commit, Envelope, Outcome
from tests.commands import add, check_out, eur, receive, register
from tests.shop import READER, Shop, open_shop

# A commit as the first release stored it: two teas at 450 cents, by alice.
STORED = (Path(__file__).parent / "fixtures" / "item_added_to_cart_v1.binpb").read_bytes()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop that was a customer's in the first release."""
    shop = open_shop(tmp_path)
    shop.do(register("tea", 500))
    shop.do(receive("tea", 10))
    assert shop.storage.events.append([Commit.FromString(STORED)]) == [True]
    return shop


def test_the_stored_bytes_are_the_first_releases() -> None:
    [envelope] = Commit.FromString(STORED).events
    assert envelope.type == "prism.cart.v1.ItemAddedToCart"
    assert v1.ItemAddedToCart.FromString(envelope.data).unit_price_cents == 450


def test_an_old_event_reads_as_a_current_one() -> None:
    [envelope] = Commit.FromString(STORED).events
    assert READER.read(envelope) == v2.ItemAddedToCart(
        cart_id="old", owner_id="alice", product_id="tea", name="Tea", quantity=2, unit_price=eur(450)
    )
    current = READER.upcast(envelope)
    assert (current.type, current.id) == ("prism.cart.v2.ItemAddedToCart", envelope.id)
    assert READER.upcast(current) is current


def test_an_old_cart_shows_its_money(shop: Shop) -> None:
    shop.publish(shop.storage.events.read("cart-old"))
    shop.settle()
    [line] = shop.view("cart", "old").lines
    assert (line.quantity, line.unit_price, line.line_total) == (2, eur(450), eur(900))


def test_an_old_cart_goes_on_and_checks_out(shop: Shop) -> None:
    assert shop.do(add("old"), by="mallory").code == "NOT_CART_OWNER"
    assert shop.do(add("old")).version == 2
    view = shop.view("cart", "old")
    assert (view.lines[0].quantity, view.lines[0].unit_price, view.version) == (3, eur(500), 2)
    assert shop.do(check_out("old", 1500)).status == Outcome.APPLIED
    assert shop.view("order", "old").total == eur(1500)


def test_an_old_event_is_told_in_its_current_shape(shop: Shop) -> None:
    shop.publish(shop.storage.events.read("cart-old"))
    shop.settle()
    [event] = shop.deliveries[-1].events
    assert v2.ItemAddedToCart.FromString(event.data).unit_price == eur(450)


def test_a_type_that_no_contract_knows_is_left_and_bytes_that_do_not_decode_are_poison() -> None:
    with pytest.raises(UnknownType, match=r"prism\.cart\.v7"):
        READER.read(Envelope(id="cart-c1:1", type="prism.cart.v7.Unknown"))
    with pytest.raises(Poison, match="does not decode"):
        READER.read(Envelope(id="cart-c1:1", type="prism.cart.v1.ItemAddedToCart", data=b"\xff\xff"))
