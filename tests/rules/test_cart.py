from domain_svc.aggregates.cart import MAX_LINES, cart
from domain_svc.aggregates.product import product
from kernel import money
from prism.cart.v1.commands_pb2 import AddItemToCart, ChangeItemQuantity, CheckOutCart, RemoveItemFromCart
from prism.cart.v1.events_pb2 import CartCheckedOut, ItemQuantityChanged, ItemRemovedFromCart
from prism.cart.v2.events_pb2 import ItemAddedToCart
from prism.common.v1.money_pb2 import Money
from prism.product.v1.events_pb2 import ProductDiscontinued, ProductPriceChanged, ProductRegistered
from tests.rules.specification import Given, given


def eur(minor_units: int) -> Money:
    return Money(currency="EUR", minor_units=minor_units)


def registered(product_id: str = "tea", price: Money | None = None) -> ProductRegistered:
    return ProductRegistered(product_id=product_id, name=product_id.title(), price=price or eur(500))


def added(
    quantity: int = 1, product_id: str = "tea", owner: str = "alice", price: int = 500
) -> ItemAddedToCart:
    return ItemAddedToCart(
        cart_id="c1",
        owner_id=owner,
        product_id=product_id,
        name=product_id.title(),
        quantity=quantity,
        unit_price=eur(price),
    )


def add(quantity: int = 1, product_id: str = "tea") -> AddItemToCart:
    return AddItemToCart(cart_id="c1", product_id=product_id, quantity=quantity)


def check_out(minor_units: int, currency: str = "EUR") -> CheckOutCart:
    return CheckOutCart(cart_id="c1", expected_total=Money(currency=currency, minor_units=minor_units))


CLOSED = CartCheckedOut(cart_id="c1", owner_id="alice")


def cart_with(*events: object) -> Given:
    return given(cart, *events).beside(product, "tea", registered())  # type: ignore[arg-type] # all are events


def test_the_first_item_opens_the_cart_for_its_sender() -> None:
    cart_with().when(add(2)).then(added(2))


def test_a_line_takes_the_price_of_the_moment() -> None:
    past = [registered(), ProductPriceChanged(product_id="tea", price=eur(400))]
    given(cart, added(1)).beside(product, "tea", *past).when(add(1)).then(added(1, price=400))


def test_an_unknown_product_is_not_available() -> None:
    given(cart).beside(product, "tea").when(add()).rejected("PRODUCT_NOT_AVAILABLE")


def test_a_discontinued_product_is_not_available() -> None:
    past = [registered(), ProductDiscontinued(product_id="tea")]
    given(cart, added()).beside(product, "tea", *past).when(add()).rejected("PRODUCT_NOT_AVAILABLE")


def test_a_cart_holds_one_currency() -> None:
    dollars = registered("coffee", Money(currency="USD", minor_units=500))
    cart_with(added()).beside(product, "coffee", dollars).when(add(1, "coffee")).rejected("CURRENCY_MISMATCH")


def test_an_emptied_cart_takes_any_currency() -> None:
    dollars = registered("coffee", Money(currency="USD", minor_units=500))
    emptied = [added(), ItemRemovedFromCart(cart_id="c1", product_id="tea")]
    event = added(1, "coffee")
    event.unit_price.currency = "USD"
    cart_with(*emptied).beside(product, "coffee", dollars).when(add(1, "coffee")).then(event)


def test_a_line_has_at_most_999() -> None:
    cart_with(added(998)).when(add(1)).then(added(1))
    cart_with(added(999)).when(add(1)).rejected("QUANTITY_LIMIT_EXCEEDED")


def test_a_cart_has_at_most_100_lines() -> None:
    full = [added(1, f"p{number}") for number in range(MAX_LINES)]
    cart_with(*full).when(add()).rejected("CART_FULL")
    cart_with(*full[1:], added()).when(add()).then(added())


def test_a_cart_is_its_owners() -> None:
    for command in (add(), check_out(500)):
        cart_with(added()).when(command, by="mallory").rejected("NOT_CART_OWNER")
    change = ChangeItemQuantity(cart_id="c1", product_id="tea", quantity=2)
    remove = RemoveItemFromCart(cart_id="c1", product_id="tea")
    for other in (change, remove):
        cart_with(added()).when(other, by="mallory").rejected("NOT_CART_OWNER")


def test_nothing_happens_to_a_cart_after_its_checkout() -> None:
    change = ChangeItemQuantity(cart_id="c1", product_id="tea", quantity=2)
    remove = RemoveItemFromCart(cart_id="c1", product_id="tea")
    for command in (add(), change, remove, check_out(500)):
        cart_with(added(), CLOSED).when(command).rejected("CART_CLOSED")


def test_a_quantity_changes() -> None:
    cart_with(added()).when(ChangeItemQuantity(cart_id="c1", product_id="tea", quantity=7)).then(
        ItemQuantityChanged(cart_id="c1", product_id="tea", quantity=7)
    )


def test_only_a_line_that_is_there_changes_or_goes() -> None:
    cart_with(added()).when(ChangeItemQuantity(cart_id="c1", product_id="x", quantity=7)).rejected(
        "NOT_FOUND"
    )
    cart_with(added()).when(RemoveItemFromCart(cart_id="c1", product_id="x")).rejected("NOT_FOUND")
    given(cart).when(RemoveItemFromCart(cart_id="c1", product_id="tea")).rejected("NOT_FOUND")


def test_an_item_is_removed() -> None:
    cart_with(added()).when(RemoveItemFromCart(cart_id="c1", product_id="tea")).then(
        ItemRemovedFromCart(cart_id="c1", product_id="tea")
    )


def test_a_checkout_carries_the_lines_at_current_prices() -> None:
    line = money.line("tea", "Tea", 3, eur(500))
    cart_with(added(2), added(1)).when(check_out(1500)).then(
        CartCheckedOut(cart_id="c1", owner_id="alice", lines=[line], total=eur(1500))
    )


def test_nobody_pays_a_price_they_did_not_see() -> None:
    past = [registered(), ProductPriceChanged(product_id="tea", price=eur(600))]
    raised = given(cart, added(2)).beside(product, "tea", *past)
    raised.when(check_out(1000)).rejected("PRICE_CHANGED")
    raised.when(check_out(1200)).then(
        CartCheckedOut(
            cart_id="c1", owner_id="alice", lines=[money.line("tea", "Tea", 2, eur(600))], total=eur(1200)
        )
    )


def test_the_currency_is_part_of_the_price() -> None:
    cart_with(added(1)).when(check_out(500, "USD")).rejected("PRICE_CHANGED")


def test_an_empty_cart_is_not_checked_out() -> None:
    cart_with(added(), ItemRemovedFromCart(cart_id="c1", product_id="tea")).when(check_out(0)).rejected(
        "CART_EMPTY"
    )
    given(cart).when(check_out(0)).rejected("NOT_FOUND")
