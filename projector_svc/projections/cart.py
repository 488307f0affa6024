"""The view `cart`: what is in a cart and what it comes to."""

from kernel import money
from kernel.projection import Projection, Recorded
from prism.cart.v1.events_pb2 import CartCheckedOut, ItemQuantityChanged, ItemRemovedFromCart
from prism.cart.v1.views_pb2 import CartView
from prism.cart.v2.events_pb2 import ItemAddedToCart
from prism.common.v1.money_pb2 import Line

cart = Projection("cart", CartView, row=lambda event: (event.cart_id, event.cart_id))


@cart.projects
def item_added_to_cart(view: CartView, event: ItemAddedToCart, recorded: Recorded) -> CartView:
    """A line more, or more of a line at the price of the moment."""
    view.cart_id = event.cart_id
    view.owner_id = view.owner_id or event.owner_id
    view.status = CartView.OPEN
    line = next((line for line in view.lines if line.product_id == event.product_id), None)
    if line is None:
        line = view.lines.add(product_id=event.product_id)
    line.CopyFrom(money.line(event.product_id, event.name, line.quantity + event.quantity, event.unit_price))
    return _summed(view, recorded)


@cart.projects
def item_quantity_changed(view: CartView, event: ItemQuantityChanged, recorded: Recorded) -> CartView:
    """Another quantity at the line's own price."""
    for line in view.lines:
        if line.product_id == event.product_id:
            line.quantity = event.quantity
            line.line_total.CopyFrom(money.times(line.unit_price, line.quantity))
    return _summed(view, recorded)


@cart.projects
def item_removed_from_cart(view: CartView, event: ItemRemovedFromCart, recorded: Recorded) -> CartView:
    """A line less."""
    rest = [line for line in view.lines if line.product_id != event.product_id]
    _set_lines(view, rest)
    return _summed(view, recorded)


@cart.projects
def cart_checked_out(view: CartView, event: CartCheckedOut, recorded: Recorded) -> CartView:
    """Closed, at the prices that the shopper agreed to."""
    view.status = CartView.CHECKED_OUT
    _set_lines(view, list(event.lines))
    return _summed(view, recorded)


def _set_lines(view: CartView, lines: list[Line]) -> None:
    copies = [Line.FromString(line.SerializeToString()) for line in lines]
    del view.lines[:]
    view.lines.extend(copies)


def _summed(view: CartView, recorded: Recorded) -> CartView:
    view.total.CopyFrom(money.total(view.lines))
    view.updated_at.CopyFrom(recorded.time)
    return view
