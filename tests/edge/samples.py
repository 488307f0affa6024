"""A valid request of every command, by its name. A command without one fails test_routes."""

from typing import Any

from kernel import contract
from kernel.contract import Command, Route

CONTRACT = contract.load()
ROUTED: list[tuple[Command, Route]] = [(c, c.route) for c in CONTRACT.commands.values() if c.route]
PRICE = {"currency": "EUR", "minorUnits": "1250"}
BODIES: dict[str, Any] = {
    "RegisterProduct": {"productId": "mug", "name": "Mug", "description": "To drink from", "price": PRICE},
    "ChangeProductPrice": {"price": PRICE},
    "DiscontinueProduct": {},
    "ReceiveStock": {"quantity": 10},
    "AddItemToCart": {"productId": "mug", "quantity": 1},
    "ChangeItemQuantity": {"quantity": 3},
    "RemoveItemFromCart": {},
    "CheckOutCart": {"expectedTotal": PRICE},
    "PayOrder": {"amount": PRICE},
    "ShipOrder": {},
    "CancelOrder": {"reason": "too late"},
}


def path_of(route: Route) -> str:
    """The route's path with `x1` in every place."""
    return contract.fill(route.path, lambda _: "x1")


def full_body(command: Command, route: Route) -> dict[str, Any]:
    """A body that names the fields of the path too, as an entry of a batch does."""
    fields = command.message.DESCRIPTOR.fields_by_name
    whole: dict[str, Any] = {fields[name].json_name: "x1" for name in route.fields}
    return whole | dict(BODIES[command.name])
