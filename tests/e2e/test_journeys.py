"""Journeys through the shop: what a purchase does to carts, orders, stock and sales."""

from tests.e2e.client import Merchant, Shop, Shopper, applied, document, eur, problem
from tests.support import eventually


def test_a_purchase_goes_from_the_shelf_to_the_sales(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=1250, stock=5, name="Mug")
    pot = merchant.sells(price=3400, stock=2, name="Pot")
    cart = shopper.fills((mug, 2), (pot, 1))
    lines = [
        {"productId": mug, "name": "Mug", "quantity": 2, "unitPrice": eur(1250), "lineTotal": eur(2500)},
        {"productId": pot, "name": "Pot", "quantity": 1, "unitPrice": eur(3400), "lineTotal": eur(3400)},
    ]
    seen = shopper.cart(cart)
    assert seen.pop("updatedAt").endswith("Z")
    assert seen == {
        "cartId": cart,
        "ownerId": shopper.subject,
        "status": "OPEN",
        "lines": lines,
        "total": eur(5900),
        "version": 2,
    }

    applied(shopper.checks_out(cart, 5900))
    assert shopper.cart(cart)["status"] == "CHECKED_OUT"
    order = shopper.order(cart, "CONFIRMED")
    assert (order["customerId"], order["lines"], order["total"]) == (shopper.subject, lines, eur(5900))
    assert (merchant.available(mug), merchant.available(pot)) == (3, 1)
    assert merchant.sold(mug) == (0, 0)

    applied(shopper.pays(cart, 5900))
    assert shopper.order(cart)["status"] == "PAID"
    eventually(lambda: merchant.sold(mug) == (2, 2500) and merchant.sold(pot) == (1, 3400))

    applied(merchant.ships(cart))
    assert shopper.order(cart)["status"] == "SHIPPED"
    assert (merchant.available(mug), merchant.available(pot)) == (3, 1)
    assert merchant.sold(mug) == (2, 2500)


def test_an_order_cancelled_before_payment_gives_its_stock_back(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=100, stock=3)
    order = shopper.orders((mug, 2), total=200)
    shopper.order(order, "CONFIRMED")
    assert merchant.available(mug) == 1
    applied(shopper.cancels(order, "changed my mind"))
    cancelled = shopper.order(order)
    assert (cancelled["status"], cancelled["reason"]) == ("CANCELLED", "changed my mind")
    eventually(lambda: merchant.available(mug) == 3)
    assert problem(shopper.pays(order, 200)) == (409, "WRONG_ORDER_STATUS")


def test_an_order_cancelled_after_payment_comes_off_the_sales_again(
    merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells(price=100, stock=3)
    order, kept = (shopper.orders((mug, 1), total=100) for _ in range(2))
    for each in (order, kept):
        shopper.order(each, "CONFIRMED")
        applied(shopper.pays(each, 100))
    eventually(lambda: merchant.sold(mug) == (2, 200))
    applied(merchant.send("POST", f"/v1/orders/{order}/cancellation", {"reason": "lost"}, wait_s=10))
    assert shopper.order(order)["status"] == "CANCELLED"
    eventually(lambda: merchant.sold(mug) == (1, 100) and merchant.available(mug) == 2)


def test_one_line_short_rejects_the_order_and_releases_the_others(
    merchant: Merchant, shopper: Shopper
) -> None:
    plenty = [merchant.sells(price=100, stock=10) for _ in range(3)]
    short = merchant.sells(price=100, stock=1)
    order = shopper.orders((plenty[0], 4), (short, 2), (plenty[1], 4), (plenty[2], 4), total=1400)
    rejected = shopper.order(order, "REJECTED")
    assert rejected["reason"] == "OUT_OF_STOCK"
    eventually(lambda: [merchant.available(product) for product in [*plenty, short]] == [10, 10, 10, 1])
    assert problem(shopper.pays(order, 1400)) == (409, "WRONG_ORDER_STATUS")
    # What was released can be bought.
    shopper.order(shopper.orders((plenty[0], 10), total=1000), "CONFIRMED")


def test_a_line_takes_the_price_of_the_moment_and_the_order_the_price_that_was_agreed(
    merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells(price=1000, stock=5)
    cart = shopper.fills((mug, 1))
    applied(merchant.prices(mug, 1200))
    assert shopper.cart(cart)["total"] == eur(1000)
    assert problem(shopper.checks_out(cart, 1000)) == (409, "PRICE_CHANGED")
    assert shopper.cart(cart)["status"] == "OPEN"
    applied(shopper.checks_out(cart, 1200))
    assert shopper.order(cart, "CONFIRMED")["lines"][0]["unitPrice"] == eur(1200)


def test_more_of_a_product_adds_to_its_line_at_the_new_price(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=1000)
    cart = shopper.fills((mug, 1))
    applied(merchant.prices(mug, 1200))
    applied(shopper.adds(cart, mug, 2))
    [line] = shopper.cart(cart)["lines"]
    assert (line["quantity"], line["unitPrice"], line["lineTotal"]) == (3, eur(1200), eur(3600))


def test_a_quantity_is_changed_and_a_line_is_taken_out(merchant: Merchant, shopper: Shopper) -> None:
    mug, pot = merchant.sells(price=100), merchant.sells(price=300)
    cart = shopper.fills((mug, 1), (pot, 1))
    applied(shopper.send("PATCH", f"/v1/carts/{cart}/items/{mug}", {"quantity": 7}, wait_s=10))
    assert shopper.cart(cart)["total"] == eur(1000)
    applied(shopper.send("DELETE", f"/v1/carts/{cart}/items/{pot}", wait_s=10))
    assert [line["productId"] for line in shopper.cart(cart)["lines"]] == [mug]
    applied(shopper.send("DELETE", f"/v1/carts/{cart}/items/{mug}", wait_s=10))
    assert problem(shopper.checks_out(cart, 0)) == (409, "CART_EMPTY")


def test_whoever_waited_reads_what_they_wrote(merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=10)
    cart = shopper.fills((mug, 1))
    for number in range(2, 32):
        assert applied(shopper.adds(cart, mug))["version"] == number
        seen = shopper.cart(cart)
        assert (seen["version"], seen["lines"][0]["quantity"]) == (number, number)


def test_orders_are_listed_newest_first_page_by_page_and_only_ones_own(
    merchant: Merchant, shopper: Shopper, shop: Shop
) -> None:
    mug = merchant.sells(price=100, stock=100)
    placed = [shopper.orders((mug, 1), total=100) for _ in range(5)]
    for order in placed:
        shopper.order(order, "CONFIRMED")
    other = shop.shopper()
    other.order(other.orders((mug, 1), total=100), "CONFIRMED")
    first = document(shopper.get("/v1/orders", pageSize=2))
    second = document(shopper.get("/v1/orders", pageSize=2, pageToken=first["nextPageToken"]))
    third = document(shopper.get("/v1/orders", pageSize=2, pageToken=second["nextPageToken"]))
    listed = [order["orderId"] for page in (first, second, third) for order in page["items"]]
    assert listed == placed[::-1]
    assert [len(page["items"]) for page in (first, second, third)] == [2, 2, 1]
    assert third["nextPageToken"] == ""
    assert document(shopper.get("/v1/orders"))["items"][0] == shopper.order(placed[-1])
