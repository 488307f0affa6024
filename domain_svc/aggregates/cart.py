"""A cart: owned by whoever adds first, closed by its checkout."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from google.protobuf.message import Message

from domain_svc.aggregates.product import Product, product
from kernel import money
from kernel.aggregate import About, Aggregate
from kernel.errors import Rejected
from prism.cart.v1.commands_pb2 import AddItemToCart, ChangeItemQuantity, CheckOutCart, RemoveItemFromCart
from prism.cart.v1.events_pb2 import CartCheckedOut, ItemQuantityChanged, ItemRemovedFromCart
from prism.cart.v2.events_pb2 import ItemAddedToCart

MAX_LINES = 100
MAX_QUANTITY = 999


@dataclass(frozen=True, slots=True)
class Cart:
    """Whose it is, how many of which product are in it, and in which currency."""

    owner: str = ""
    quantities: Mapping[str, int] = field(default_factory=dict)
    currency: str = ""
    checked_out: bool = False


cart = Aggregate("cart", Cart())


@cart.evolves
def item_added_to_cart(state: Cart, event: ItemAddedToCart) -> Cart:
    """There is more of a product in it; the first one makes it somebody's."""
    quantity = state.quantities.get(event.product_id, 0) + event.quantity
    return replace(
        state,
        owner=state.owner or event.owner_id,
        quantities={**state.quantities, event.product_id: quantity},
        currency=event.unit_price.currency,
    )


@cart.evolves
def item_quantity_changed(state: Cart, event: ItemQuantityChanged) -> Cart:
    """A line has another quantity."""
    return replace(state, quantities={**state.quantities, event.product_id: event.quantity})


@cart.evolves
def item_removed_from_cart(state: Cart, event: ItemRemovedFromCart) -> Cart:
    """A line is gone; the last one takes the currency with it."""
    rest = {key: quantity for key, quantity in state.quantities.items() if key != event.product_id}
    return replace(state, quantities=rest, currency=state.currency if rest else "")


@cart.evolves
def cart_checked_out(state: Cart, event: CartCheckedOut) -> Cart:
    """It is closed."""
    return replace(state, checked_out=True)


@cart.decides(reads=lambda state, command: [f"product-{command.product_id}"])
def add_item_to_cart(state: Cart, command: AddItemToCart, about: About) -> Iterator[Message]:
    """At the product's price of the moment."""
    if state.owner:
        _must_be_open(state, about)
    sold = about.read(product, command.product_id)
    _must_be_available(sold, command.product_id)
    if state.currency not in ("", sold.currency):
        raise Rejected("CURRENCY_MISMATCH", f"the cart's prices are in {state.currency}")
    quantity = state.quantities.get(command.product_id, 0)
    if not quantity and len(state.quantities) >= MAX_LINES:
        raise Rejected("CART_FULL", f"a cart has at most {MAX_LINES} lines")
    if quantity + command.quantity > MAX_QUANTITY:
        raise Rejected("QUANTITY_LIMIT_EXCEEDED", f"a line has at most {MAX_QUANTITY} of its product")
    yield ItemAddedToCart(
        cart_id=command.cart_id,
        owner_id=state.owner or about.subject,
        product_id=command.product_id,
        name=sold.name,
        quantity=command.quantity,
        unit_price=sold.price,
    )


@cart.decides()
def change_item_quantity(state: Cart, command: ChangeItemQuantity, about: About) -> Iterator[Message]:
    """Of a line that is there."""
    _must_have_line(state, command.product_id, about)
    yield ItemQuantityChanged(
        cart_id=command.cart_id, product_id=command.product_id, quantity=command.quantity
    )


@cart.decides()
def remove_item_from_cart(state: Cart, command: RemoveItemFromCart, about: About) -> Iterator[Message]:
    """A line that is there."""
    _must_have_line(state, command.product_id, about)
    yield ItemRemovedFromCart(cart_id=command.cart_id, product_id=command.product_id)


def _products_in_cart(state: Cart, command: Message) -> Iterable[str]:
    return (f"product-{product_id}" for product_id in state.quantities)


@cart.decides(reads=_products_in_cart)
def check_out_cart(state: Cart, command: CheckOutCart, about: About) -> Iterator[Message]:
    """At the current prices, if they are what the shopper expects to pay."""
    _must_be_open(state, about)
    if not state.quantities:
        raise Rejected("CART_EMPTY", "there is nothing in the cart")
    sold = {product_id: about.read(product, product_id) for product_id in state.quantities}
    lines = [
        money.line(product_id, sold[product_id].name, quantity, sold[product_id].price)
        for product_id, quantity in state.quantities.items()
    ]
    total = money.total(lines)
    if command.expected_total != total:
        raise Rejected(
            "PRICE_CHANGED",
            f"at current prices the cart comes to {total.minor_units} {total.currency} in minor units",
        )
    yield CartCheckedOut(cart_id=command.cart_id, owner_id=state.owner, lines=lines, total=total)


def _must_be_open(state: Cart, about: About) -> None:
    if not state.owner:
        raise Rejected("NOT_FOUND", "there is no such cart")
    if state.owner != about.subject:
        raise Rejected("NOT_CART_OWNER", "the cart is someone else's")
    if state.checked_out:
        raise Rejected("CART_CLOSED", "the cart is checked out")


def _must_have_line(state: Cart, product_id: str, about: About) -> None:
    _must_be_open(state, about)
    if product_id not in state.quantities:
        raise Rejected("NOT_FOUND", f"product {product_id} is not in the cart")


def _must_be_available(sold: Product, product_id: str) -> None:
    if not sold.registered or sold.discontinued:
        raise Rejected("PRODUCT_NOT_AVAILABLE", f"product {product_id} is not sold")
