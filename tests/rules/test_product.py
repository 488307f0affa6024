from domain_svc.aggregates.product import product
from prism.common.v1.money_pb2 import Money
from prism.product.v1.commands_pb2 import ChangeProductPrice, DiscontinueProduct, RegisterProduct
from prism.product.v1.events_pb2 import ProductDiscontinued, ProductPriceChanged, ProductRegistered
from tests.rules.specification import given

PRICE = Money(currency="EUR", minor_units=1999)
LOWER = Money(currency="EUR", minor_units=999)
REGISTERED = ProductRegistered(product_id="p1", name="Tea", description="Green", price=PRICE)
DISCONTINUED = ProductDiscontinued(product_id="p1")
REGISTER = RegisterProduct(product_id="p1", name="Tea", description="Green", price=PRICE)


def test_a_product_is_registered() -> None:
    given(product).when(REGISTER).then(REGISTERED)


def test_a_product_is_registered_once() -> None:
    given(product, REGISTERED).when(REGISTER).rejected("PRODUCT_ALREADY_REGISTERED")


def test_a_discontinued_product_is_not_registered_again() -> None:
    given(product, REGISTERED, DISCONTINUED).when(REGISTER).rejected("PRODUCT_ALREADY_REGISTERED")


def test_a_price_changes() -> None:
    given(product, REGISTERED).when(ChangeProductPrice(product_id="p1", price=LOWER)).then(
        ProductPriceChanged(product_id="p1", price=LOWER)
    )


def test_a_product_keeps_its_currency_for_life() -> None:
    dollars = Money(currency="USD", minor_units=999)
    given(product, REGISTERED).when(ChangeProductPrice(product_id="p1", price=dollars)).rejected(
        "CURRENCY_MISMATCH"
    )


def test_an_unknown_product_has_no_price_to_change() -> None:
    given(product).when(ChangeProductPrice(product_id="p1", price=LOWER)).rejected("NOT_FOUND")


def test_a_discontinued_product_has_no_new_price() -> None:
    given(product, REGISTERED, DISCONTINUED).when(ChangeProductPrice(product_id="p1", price=LOWER)).rejected(
        "PRODUCT_DISCONTINUED"
    )


def test_a_product_is_discontinued() -> None:
    given(product, REGISTERED).when(DiscontinueProduct(product_id="p1")).then(DISCONTINUED)


def test_a_product_is_discontinued_once() -> None:
    given(product, REGISTERED, DISCONTINUED).when(DiscontinueProduct(product_id="p1")).rejected(
        "PRODUCT_DISCONTINUED"
    )


def test_an_unknown_product_is_not_discontinued() -> None:
    given(product).when(DiscontinueProduct(product_id="p1")).rejected("NOT_FOUND")
