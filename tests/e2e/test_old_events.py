"""A cart that the first release filled: its stored bytes read as today's, outside as inside."""

from pathlib import Path

from dev.demo.client import meet
from kernel import settings
from kernel.packing import pack_commits
from kernel.storage import open_storage
from prism.cart.v1.events_pb2 import ItemAddedToCart
from prism.envelope.v1.envelope_pb2 import Commit
from tests.e2e.client import WAIT_S, Merchant, Shop, Shopper, applied, document, eur, heard, problem
from tests.support import eventually

STORED = Path(__file__).parent.parent / "fixtures" / "item_added_to_cart_v1.binpb"


def test_a_cart_of_the_first_release_is_shown_and_goes_on(shop: Shop, merchant: Merchant) -> None:
    commit = Commit.FromString(STORED.read_bytes())
    old = ItemAddedToCart.FromString(commit.events[0].data)
    price = old.unit_price_cents
    assert commit.events[0].type == "prism.cart.v1.ItemAddedToCart"
    owner = meet(shop.http, shop.stack.stream_url, old.owner_id, "shopper")
    shopper = Shopper(owner.http, owner.stream_url, owner.subject, owner.token)
    storage = open_storage(settings.load(shop.stack.env))
    with shopper.follow(f"cart/{old.cart_id}") as stream:
        assert storage.events.append([commit]) == [True]
        storage.queue("events-views").put(pack_commits([commit]))
        told = heard(stream, f"cart/{old.cart_id}", commit.version)
    storage.close()
    line = {
        "productId": old.product_id,
        "name": old.name,
        "quantity": old.quantity,
        "unitPrice": eur(price),
        "lineTotal": eur(old.quantity * price),
    }
    seen = eventually(lambda: document(shopper.get(f"/v1/carts/{old.cart_id}")))
    assert (seen["lines"], seen["total"]) == ([line], eur(old.quantity * price))
    assert told.data == seen

    product = {"productId": old.product_id, "name": old.name, "price": eur(price)}
    applied(merchant.send("POST", "/v1/products", product, wait_s=WAIT_S))
    applied(merchant.receives(old.product_id, 10))
    applied(shopper.adds(old.cart_id, old.product_id, 1))
    after = shopper.cart(old.cart_id)
    assert after["total"] == eur((old.quantity + 1) * price)
    assert after["version"] == commit.version + 1
    dollars = {"productId": "sold-in-dollars", "name": "Mug", "price": {"currency": "USD", "minorUnits": 1}}
    applied(merchant.send("POST", "/v1/products", dollars, wait_s=WAIT_S))
    assert problem(shopper.adds(old.cart_id, "sold-in-dollars")) == (409, "CURRENCY_MISMATCH")
    applied(shopper.checks_out(old.cart_id, (old.quantity + 1) * price))
    assert shopper.order(old.cart_id, "CONFIRMED")["total"] == eur((old.quantity + 1) * price)
