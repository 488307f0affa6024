"""The yardstick: adding items to carts with the `eventsourcing` library on SQLite.

A command is what its documentation shows: `repository.get`, a method of the aggregate that triggers an
event, `save`. Aggregates are cached, and the cache is not checked against the store, which is the fastest
setting it documents for one writing process (AGGREGATE_CACHE_MAXSIZE, AGGREGATE_CACHE_FASTFORWARD=n). The
copy that it takes of a cached aggregate stays on: without it a refused command corrupts the cache.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.sqlite import SQLiteApplicationRecorder

MAX_QUANTITY = 999


class Cart(Aggregate):
    """What domain_svc's cart is, with the same rules for adding an item."""

    def __init__(self, cart_id: str, owner_id: str) -> None:
        self.cart_id = cart_id
        self.owner_id = owner_id
        self.quantities: dict[str, int] = {}
        self.currency = ""

    @staticmethod
    def create_id(cart_id: str) -> UUID:
        """The aggregate's id."""
        return uuid5(NAMESPACE_URL, cart_id)

    def add_item(self, subject: str, product_id: str, quantity: int) -> None:
        """Adds to a line. ValueError when it breaks a rule."""
        if subject != self.owner_id:
            raise ValueError("NOT_CART_OWNER")
        if self.quantities.get(product_id, 0) + quantity > MAX_QUANTITY:
            raise ValueError("QUANTITY_LIMIT_EXCEEDED")
        self.item_added(product_id, "Mug", quantity, "EUR", 1250)

    @event("ItemAdded")
    def item_added(self, product_id: str, name: str, quantity: int, currency: str, minor_units: int) -> None:
        """There is more of a product in it."""
        self.quantities[product_id] = self.quantities.get(product_id, 0) + quantity
        self.currency = currency


class Shop(Application[UUID]):
    """The library's application: durable in one SQLite file, in WAL mode, as the library opens it."""

    def __init__(self, path: Path, carts: int) -> None:
        super().__init__(
            {
                "PERSISTENCE_MODULE": "eventsourcing.sqlite",
                "SQLITE_DBNAME": str(path),
                "AGGREGATE_CACHE_MAXSIZE": str(carts),
                "AGGREGATE_CACHE_FASTFORWARD": "n",
            }
        )

    def relax(self) -> None:
        """Gives its one connection the durability of Prism's embedded engine (`synchronous=NORMAL`).

        The library has no setting for it: its connections wait for the disk at every commit.
        """
        recorder: Any = self.recorder
        assert isinstance(recorder, SQLiteApplicationRecorder)
        with recorder.datastore.get_connection(commit=True) as connection:
            connection.cursor().execute("PRAGMA synchronous=NORMAL")

    def open_carts(self, cart_ids: Sequence[str], owner_id: str) -> None:
        """Makes the carts."""
        self.save(*(Cart(cart_id, owner_id) for cart_id in cart_ids))

    def add_items(self, subject: str, items: Sequence[tuple[str, str]]) -> None:
        """Adds one of each product (cart, product) and saves all in one transaction.

        With one item this is the documented way to handle a command.
        """
        carts: dict[str, Cart] = {}
        for cart_id, product_id in items:
            cart = carts.get(cart_id) or self.repository.get(Cart.create_id(cart_id))
            cart.add_item(subject, product_id, 1)
            carts[cart_id] = cart
        self.save(*carts.values())
