"""Arithmetic of money. Pure."""

from collections.abc import Iterable

from prism.common.v1.money_pb2 import Line, Money


def times(price: Money, quantity: int) -> Money:
    """A price, so many times."""
    return Money(currency=price.currency, minor_units=price.minor_units * quantity)


def line(product_id: str, name: str, quantity: int, unit_price: Money) -> Line:
    """A line with its total."""
    return Line(
        product_id=product_id,
        name=name,
        quantity=quantity,
        unit_price=unit_price,
        line_total=times(unit_price, quantity),
    )


def total(lines: Iterable[Line]) -> Money:
    """What lines of one currency come to together. No lines come to nothing, in no currency."""
    totals = [item.line_total for item in lines]
    return Money(
        currency=totals[0].currency if totals else "",
        minor_units=sum(item.minor_units for item in totals),
    )
