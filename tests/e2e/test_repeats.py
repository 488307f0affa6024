"""Repeated requests: the effect happens once, and everyone gets the same receipt."""

from tests.e2e.client import Merchant, Shop, Shopper, accepted, applied, at_once, new_id, problem
from tests.support import eventually


def test_a_repeat_with_a_key_is_answered_as_before_and_changes_nothing(
    merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells()
    cart, key = new_id("c"), new_id("key")
    first = shopper.adds(cart, mug, key=key, wait_s=0)
    again = shopper.adds(cart, mug, key=f'"{key}"', wait_s=0)
    assert accepted(again) == accepted(first)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    waited = shopper.adds(cart, mug, key=key)
    assert applied(waited)["commandId"] == accepted(first)["commandId"]
    assert shopper.cart(cart)["lines"][0]["quantity"] == 1


def test_a_key_stands_for_one_request_of_one_subject(
    merchant: Merchant, shopper: Shopper, shop: Shop
) -> None:
    mug = merchant.sells()
    cart, key = new_id("c"), new_id("key")
    applied(shopper.adds(cart, mug, key=key))
    for other in (shopper.adds(cart, mug, 2, key=key), shopper.adds(new_id("c"), mug, key=key)):
        assert problem(other) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert shopper.cart(cart)["version"] == 1
    someone = shop.shopper()
    theirs = new_id("c")
    applied(someone.adds(theirs, mug, key=key))
    assert someone.cart(theirs)["version"] == 1


def test_a_refused_command_stays_refused_when_it_is_repeated(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    applied(merchant.discontinues(mug))
    cart, key = new_id("c"), new_id("key")
    first, again = (shopper.adds(cart, mug, key=key) for _ in range(2))
    assert problem(first) == problem(again) == (409, "PRODUCT_NOT_AVAILABLE")
    assert first.json()["commandId"] == again.json()["commandId"]
    assert again.headers["idempotency-replayed"] == "true"


def test_a_request_sent_many_times_at_once_has_one_effect(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart, key = new_id("c"), new_id("key")
    answers = at_once([lambda: shopper.adds(cart, mug, key=key, wait_s=0)] * 16)
    in_flight = [answer for answer in answers if answer.status_code == 409]
    for answer in in_flight:
        assert problem(answer) == (409, "IDEMPOTENCY_KEY_IN_FLIGHT")
        assert int(answer.headers["retry-after"]) >= 1
    receipts = {accepted(answer)["commandId"] for answer in answers if answer not in in_flight}
    assert len(receipts) == 1
    assert applied(shopper.adds(cart, mug, key=key))["commandId"] in receipts
    seen = shopper.cart(cart)
    assert (seen["version"], seen["lines"][0]["quantity"]) == (1, 1)


def test_a_repeat_is_known_after_redis_forgot_everything(
    shop: Shop, merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells(price=100, stock=5)
    cart, key = new_id("c"), new_id("key")
    first = applied(shopper.adds(cart, mug, key=key))
    applied(shopper.checks_out(cart, 100, key=f"{key}-checkout"))
    shop.forgets_redis()
    again = applied(shopper.adds(cart, mug, key=key))
    assert again == first
    applied(shopper.checks_out(cart, 100, key=f"{key}-checkout"))
    shopper.order(cart, "CONFIRMED")
    assert merchant.available(mug) == 4
    assert shopper.cart(cart)["lines"][0]["quantity"] == 1
    assert shopper.outcome(first["stream"], first["commandId"])["status"] == "APPLIED"


def test_without_a_key_every_request_is_a_new_command(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    receipts = [accepted(shopper.adds(cart, mug, wait_s=0)) for _ in range(10)]
    assert len({receipt["commandId"] for receipt in receipts}) == 10
    eventually(lambda: shopper.cart(cart)["lines"][0]["quantity"] == 10)
