"""Races: whatever runs at once, nothing is oversold, and nothing happens twice."""

from collections import Counter
from collections.abc import Iterable
from functools import partial

import httpx

from tests.e2e.client import Merchant, Shop, Shopper, applied, at_once, eur, new_id, problem
from tests.support import eventually

RACERS = 12


def outcomes(answers: Iterable[httpx.Response]) -> Counter[str]:
    """How often commands that were waited for ended how: APPLIED, or the code of the refusal."""
    return Counter(answer.json().get("code") or answer.json()["status"] for answer in answers)


def check_out_at_once(shop: Shop, total: int, *items: tuple[str, int]) -> Counter[str]:
    """Many shoppers with the same items check out at once. How many orders ended in which status."""
    shoppers = [shop.shopper() for _ in range(RACERS)]
    carts = [shopper.fills(*items) for shopper in shoppers]
    pairs = list(zip(shoppers, carts, strict=True))
    at_once([partial(who.checks_out, cart, total, wait_s=0) for who, cart in pairs])
    orders = [shopper.order(cart, "CONFIRMED", "REJECTED") for shopper, cart in pairs]
    assert {order["reason"] for order in orders if order["status"] == "REJECTED"} == {"OUT_OF_STOCK"}
    return Counter(order["status"] for order in orders)


def test_the_last_one_is_sold_once(shop: Shop, merchant: Merchant) -> None:
    mug = merchant.sells(price=100, stock=1)
    with merchant.follow(f"product/{mug}") as stream:
        assert check_out_at_once(shop, 100, (mug, 1)) == {"CONFIRMED": 1, "REJECTED": RACERS - 1}
        assert merchant.available(mug) == 0
        eventually(lambda: stream.updates and stream.updates[-1].data["available"] == 0)
        assert {update.data["available"] for update in stream.updates} <= {0, 1}


def test_two_last_ones_are_shared_out_whole(shop: Shop, merchant: Merchant) -> None:
    """An order reserves two products one after the other; whoever gets one of them only gives it back."""
    mug, pot = merchant.sells(price=100, stock=4), merchant.sells(price=100, stock=5)
    ended = check_out_at_once(shop, 300, (mug, 1), (pot, 2))
    # Who fails at one product may have kept another from it for a while: two need not be sold.
    assert 0 < ended["CONFIRMED"] <= 2
    sold = ended["CONFIRMED"]
    eventually(lambda: (merchant.available(mug), merchant.available(pot)) == (4 - sold, 5 - 2 * sold))


def test_a_cart_is_checked_out_once(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=100, stock=10)
    cart = shopper.fills((mug, 1))
    answers = at_once([lambda: shopper.checks_out(cart, 100)] * RACERS)
    assert outcomes(answers) == {"APPLIED": 1, "CART_CLOSED": RACERS - 1}
    shopper.order(cart, "CONFIRMED")
    assert merchant.available(mug) == 9


def test_an_order_is_paid_once_or_cancelled_and_the_sales_agree(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=100, stock=1)
    order = shopper.orders((mug, 1), total=100)
    shopper.order(order, "CONFIRMED")
    answers = at_once([lambda: shopper.pays(order, 100)] * 6 + [lambda: shopper.cancels(order)] * 6)
    paid, cancelled = outcomes(answers[:6]), outcomes(answers[6:])
    assert paid["APPLIED"] <= 1
    assert cancelled == {"APPLIED": 1, "WRONG_ORDER_STATUS": 5}
    assert paid["WRONG_ORDER_STATUS"] == 6 - paid["APPLIED"]
    shopper.order(order, "CANCELLED")
    eventually(lambda: merchant.available(mug) == 1 and merchant.sold(mug) == (0, 0))


def test_everything_that_is_added_at_once_is_in_the_cart(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    answers = at_once([lambda: shopper.adds(cart, mug, 2)] * RACERS)
    assert outcomes(answers) == {"APPLIED": RACERS}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, RACERS + 1))
    assert shopper.cart(cart)["lines"][0]["quantity"] == 2 * RACERS


def test_a_cart_belongs_to_whoever_was_first(shop: Shop, merchant: Merchant) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    shoppers = [shop.shopper() for _ in range(RACERS)]
    answers = at_once([partial(who.adds, cart, mug) for who in shoppers])
    assert outcomes(answers) == {"APPLIED": 1, "NOT_CART_OWNER": RACERS - 1}
    [owner] = [who for who, answer in zip(shoppers, answers, strict=True) if answer.status_code == 200]
    assert owner.cart(cart)["ownerId"] == owner.subject


def test_a_version_is_given_to_one_of_those_who_ask_for_it(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = shopper.fills((mug, 1))
    answers = at_once([lambda: shopper.adds(cart, mug, if_match=1)] * RACERS)
    assert outcomes(answers) == {"APPLIED": 1, "VERSION_MISMATCH": RACERS - 1}


def test_a_product_is_registered_once_and_all_its_stock_is_received(merchant: Merchant) -> None:
    product = new_id("p")
    body = {"productId": product, "name": "Mug", "price": eur(1)}
    answers = at_once([lambda: merchant.send("POST", "/v1/products", body, wait_s=20)] * RACERS)
    assert outcomes(answers) == {"APPLIED": 1, "PRODUCT_ALREADY_REGISTERED": RACERS - 1}
    at_once([lambda: applied(merchant.receives(product, 3))] * RACERS)
    assert merchant.available(product) == 3 * RACERS


def test_a_price_and_a_checkout_at_once_agree_on_what_is_paid(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=100, stock=10)
    for _ in range(4):
        cart = shopper.fills((mug, 1))
        priced, checked_out = at_once(
            [partial(merchant.prices, mug, 200), partial(shopper.checks_out, cart, 100)]
        )
        applied(priced)
        if checked_out.status_code == 200:
            assert shopper.order(cart, "CONFIRMED")["total"] == eur(100)
        else:
            assert problem(checked_out) == (409, "PRICE_CHANGED")
        applied(merchant.prices(mug, 100))
