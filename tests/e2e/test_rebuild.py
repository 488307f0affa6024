"""A rebuild under load, through the death of the projector: nobody notices, and verify finds nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import grpc
import pytest

from kernel import settings
from kernel.ports import Row, RowId, Storage
from kernel.storage import open_storage
from prism.admin.v1.projections_pb2 import (
    ListProjectionsRequest,
    RebuildProgress,
    RebuildRequest,
    RowDifference,
    VerifyRequest,
    VerifyResult,
)
from prism.admin.v1.projections_pb2_grpc import ProjectionsStub
from prism.cart.v1.views_pb2 import CartView
from prism.cart.v2.events_pb2 import ItemAddedToCart
from prism.common.v1.money_pb2 import Money
from prism.envelope.v1.envelope_pb2 import Commit, ViewRow
from tests.e2e.client import Shop, Shopper, accepted, applied, new_id
from tests.e2e.conftest import open_shop
from tests.support import eventually

# Long enough a rebuild to be interrupted: events in carts of six.
PAST_EVENTS = {"embedded": 60_000, "azurite": 6_000}


class Projections:
    """What an operator asks of projector_svc."""

    def __init__(self, shop: Shop) -> None:
        self._target = shop.stack.projector_grpc
        self._metadata = (("authorization", f"Bearer {shop.person('operator').token}"),)

    @contextmanager
    def _stub(self) -> Iterator[ProjectionsStub]:
        with grpc.insecure_channel(self._target) as channel:
            yield ProjectionsStub(channel)

    def rebuild(self, view: str) -> Iterator[RebuildProgress]:
        with self._stub() as stub:
            request = RebuildRequest(view=view)
            for answer in stub.Rebuild(request, timeout=90, metadata=self._metadata):
                yield answer.progress

    def verify(self, view: str) -> tuple[list[RowDifference], VerifyResult]:
        with self._stub() as stub:
            request = VerifyRequest(view=view)
            answers = list(stub.Verify(request, timeout=90, metadata=self._metadata))
        return [item.difference for item in answers if item.HasField("difference")], answers[-1].result

    def generations(self) -> dict[str, int]:
        with self._stub() as stub:
            listed = stub.ListProjections(ListProjectionsRequest(), timeout=10, metadata=self._metadata)
        return {item.view: item.generation for item in listed.projections}


def fill_the_past(storage: Storage, events: int) -> None:
    """Carts that were filled before anyone here was born: in the event store alone."""
    commits = []
    for number in range(events // 6):
        stream = f"cart-past{number:06}"
        for version in range(1, 7):
            event = ItemAddedToCart(
                cart_id=stream.removeprefix("cart-"),
                owner_id="ancestor",
                product_id=f"p{version % 4}",
                name="Mug",
                quantity=1,
                unit_price=Money(currency="EUR", minor_units=100 + version % 4),
            )
            commit = Commit(stream=stream, number=version, version=version)
            envelope = commit.events.add(
                id=f"{stream}:{version}",
                type=event.DESCRIPTOR.full_name,
                stream=stream,
                version=version,
                subject="ancestor",
                data=event.SerializeToString(),
            )
            envelope.time.FromSeconds(1_700_000_000 + version)
            commits.append(commit)
    for start in range(0, len(commits), 3000):
        assert all(storage.events.append(commits[start : start + 3000]))


class Customers:
    """Shoppers who add to their carts all the time, and look at them, and note whatever is odd."""

    def __init__(self, shopper: Shopper, product: str, carts: int = 4) -> None:
        self.carts = {new_id("c"): 0 for _ in range(carts)}
        self.odd: list[object] = []
        self.looks = 0
        self._shopper = shopper
        self._product = product
        self._ended = Event()
        for cart in self.carts:
            applied(shopper.adds(cart, product))
            self.carts[cart] = 1
        self._threads = [Thread(target=self._add), Thread(target=self._look)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _add(self) -> None:
        while not self._ended.is_set():
            for cart in self.carts:
                # The projector may be dead: nobody waits for the view.
                accepted(self._shopper.adds(cart, self._product, wait_s=0))
                self.carts[cart] += 1
            self._ended.wait(0.05)

    def _look(self) -> None:
        seen = dict.fromkeys(self.carts, 1)
        while not self._ended.is_set():
            for cart in self.carts:
                answer = self._shopper.get(f"/v1/carts/{cart}")
                body = answer.json()
                # Neither missing, nor older than it was, nor half built.
                if (
                    answer.status_code != 200
                    or body["version"] < seen[cart]
                    or sum(line["quantity"] for line in body["lines"]) != body["version"]
                ):
                    self.odd.append((cart, seen[cart], answer.text))
                    continue
                seen[cart] = body["version"]
                self.looks += 1


@pytest.mark.timeout(300)
def test_a_rebuild_under_load_survives_the_projector_and_verify_finds_nothing(engine: str) -> None:
    with open_shop(engine) as shop:
        projections = Projections(shop)
        storage = open_storage(settings.load(shop.stack.env))
        past = PAST_EVENTS[engine]
        fill_the_past(storage, past)
        merchant, shopper = shop.merchant(), shop.shopper()
        customers = Customers(shopper, merchant.sells(stock=5))
        try:
            # Without interruption first.
            last = list(projections.rebuild("product"))[-1]
            assert (last.phase, last.generation) == (RebuildProgress.LIVE, 1)

            rebuild = projections.rebuild("cart")
            while not (progress := next(rebuild)).done:
                pass
            assert progress.phase == RebuildProgress.BUILDING, "too fast to be interrupted"
            pid = shop.stack.kill("projector_svc")
            with pytest.raises(grpc.RpcError):
                list(rebuild)
            shop.stack.wait_restarted("projector_svc", pid)
            assert projections.generations()["cart"] == 0
            looks = customers.looks
            last = list(projections.rebuild("cart"))[-1]
            assert (last.phase, last.generation) == (RebuildProgress.LIVE, 1)
            assert last.total >= past
            eventually(lambda: customers.looks > looks + 50, timeout_s=30)
            # What the rebuild replaced is gone, and nobody has missed it.
            eventually(lambda: next(storage.views.scan("cart"), None) is None, timeout_s=30)
            assert projections.verify("cart")[1].differing == 0
        finally:
            customers.end()
        assert not customers.odd
        eventually(
            lambda: {cart: shopper.cart(cart)["version"] for cart in customers.carts} == customers.carts,
            timeout_s=60,
        )
        for view in projections.generations():
            found, result = projections.verify(view)
            assert (found, result.differing) == ([], 0)
        the_tampered_row_is_named(projections, storage)
        storage.close()


def the_tampered_row_is_named(projections: Projections, storage: Storage) -> None:
    """Somebody changes a stored row by hand."""
    row_id = RowId("cart@1", "past000007", "past000007")
    [stored] = storage.views.get([row_id])
    assert stored
    row = ViewRow.FromString(stored.data)
    cart = CartView.FromString(row.data)
    cart.lines[1].quantity = 99
    row.data = cart.SerializeToString(deterministic=True)
    assert storage.views.save([Row(row_id, row.SerializeToString(deterministic=True), stored.etag)]) != [None]
    [found], result = projections.verify("cart")
    assert result.differing == 1
    assert (found.partition, found.key, found.kind) == ("past000007", "past000007", RowDifference.WRONG)
    assert [(field.path, field.live, field.rebuilt) for field in found.fields] == [
        ("lines[1].quantity", "99", "2")
    ]


@pytest.mark.timeout(120)
def test_commands_are_shown_soon_while_a_rebuild_runs(shop: Shop) -> None:
    """The builder computes in the projector's own process, and leaves it to the consumers when they need it."""
    shopper = shop.shopper()
    mug = shop.merchant().sells()
    cart = new_id("c")
    applied(shopper.adds(cart, mug))
    took = []
    for progress in Projections(shop).rebuild("cart"):
        began_at = time.monotonic()
        version = applied(shopper.adds(cart, mug))["version"]
        took.append(time.monotonic() - began_at)
        assert shopper.cart(cart)["version"] >= version
        assert progress.generation
    assert max(took) < 5
