"""A product: registered once, priced in one currency for life, discontinued for good."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from google.protobuf.message import Message

from kernel.aggregate import About, Aggregate
from kernel.errors import Rejected
from prism.common.v1.money_pb2 import Money
from prism.product.v1.commands_pb2 import ChangeProductPrice, DiscontinueProduct, RegisterProduct
from prism.product.v1.events_pb2 import ProductDiscontinued, ProductPriceChanged, ProductRegistered


@dataclass(frozen=True, slots=True)
class Product:
    """What a product has come to. One without a name was never registered."""

    name: str = ""
    currency: str = ""
    price_minor_units: int = 0
    discontinued: bool = False

    @property
    def registered(self) -> bool:
        """Whether there is such a product at all."""
        return bool(self.name)

    @property
    def price(self) -> Money:
        """The price of the moment."""
        return Money(currency=self.currency, minor_units=self.price_minor_units)


product = Aggregate("product", Product())


@product.evolves
def product_registered(state: Product, event: ProductRegistered) -> Product:
    """It is sold from now on."""
    return Product(event.name, event.price.currency, event.price.minor_units)


@product.evolves
def product_price_changed(state: Product, event: ProductPriceChanged) -> Product:
    """It has a new price."""
    return replace(state, price_minor_units=event.price.minor_units)


@product.evolves
def product_discontinued(state: Product, event: ProductDiscontinued) -> Product:
    """It is not sold any more."""
    return replace(state, discontinued=True)


@product.decides()
def register_product(state: Product, command: RegisterProduct, about: About) -> Iterator[Message]:
    """Once a product."""
    if state.registered:
        raise Rejected("PRODUCT_ALREADY_REGISTERED", f"product {command.product_id} is registered already")
    yield ProductRegistered(
        product_id=command.product_id,
        name=command.name,
        description=command.description,
        price=command.price,
    )


@product.decides()
def change_product_price(state: Product, command: ChangeProductPrice, about: About) -> Iterator[Message]:
    """In the currency of its life."""
    _must_be_sold(state, command.product_id)
    if command.price.currency != state.currency:
        raise Rejected("CURRENCY_MISMATCH", f"product {command.product_id} is priced in {state.currency}")
    yield ProductPriceChanged(product_id=command.product_id, price=command.price)


@product.decides()
def discontinue_product(state: Product, command: DiscontinueProduct, about: About) -> Iterator[Message]:
    """Once and for good."""
    _must_be_sold(state, command.product_id)
    yield ProductDiscontinued(product_id=command.product_id)


def _must_be_sold(state: Product, product_id: str) -> None:
    if not state.registered:
        raise Rejected("NOT_FOUND", f"there is no product {product_id}")
    if state.discontinued:
        raise Rejected("PRODUCT_DISCONTINUED", f"product {product_id} is discontinued")
