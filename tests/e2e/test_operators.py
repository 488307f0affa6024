"""The admin plane: what is paused waits and goes on, and stops nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from prism.admin.v1.admin_pb2 import StatusRequest
from prism.admin.v1.admin_pb2_grpc import AdminStub
from tests.e2e.client import (
    Merchant,
    Operator,
    Shop,
    Shopper,
    accepted,
    applied,
    heard,
    new_id,
    problem,
    versions,
)
from tests.support import eventually


@contextmanager
def paused(operator: Operator, consumer: str) -> Iterator[None]:
    """The consumer takes no batch while the block runs."""
    operator.pause(consumer)
    try:
        assert operator.consumers()[consumer].paused
        yield
    finally:
        operator.resume(consumer)
    assert not operator.consumers()[consumer].paused


def test_paused_commands_are_accepted_and_applied_when_they_go_on(
    shop: Shop, merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    operator = shop.operator(shop.stack.domain_grpc)
    with paused(operator, "commands"):
        receipts = [accepted(shopper.adds(cart, mug, wait_s=0)) for _ in range(5)]
        waited = shopper.adds(cart, mug, wait_s=1)
        assert accepted(waited)
        assert waited.headers["preference-applied"] == "wait=1"
        assert {shopper.outcome(r["stream"], r["commandId"])["status"] for r in receipts} == {"ACCEPTED"}
        assert problem(shopper.get(f"/v1/carts/{cart}")) == (404, "NOT_FOUND")
        assert operator.consumers()["commands"].depth >= 6
        assert operator.consumers()["commands"].oldest_age.ToMilliseconds() > 0
    eventually(lambda: shopper.cart(cart)["lines"][0]["quantity"] == 6)
    assert {shopper.outcome(r["stream"], r["commandId"])["status"] for r in receipts} == {"APPLIED"}


def test_paused_sales_stop_nobody_else(shop: Shop, merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=100, stock=1)
    with paused(shop.operator(shop.stack.projector_grpc), "events-sales"):
        order = shopper.orders((mug, 1), total=100)
        shopper.order(order, "CONFIRMED")
        applied(shopper.pays(order, 100))
        applied(merchant.ships(order))
        assert shopper.order(order)["status"] == "SHIPPED"
        assert merchant.sold(mug) == (0, 0)
    eventually(lambda: merchant.sold(mug) == (1, 100))


def test_paused_views_stop_no_order(shop: Shop, merchant: Merchant, shopper: Shopper) -> None:
    mug = merchant.sells(price=100, stock=1)
    cart = shopper.fills((mug, 1))
    with paused(shop.operator(shop.stack.projector_grpc), "events-views"):
        accepted(shopper.checks_out(cart, 100, wait_s=0))
        assert shopper.cart(cart)["status"] == "OPEN"
        # The checkout, the order and the reservation are in the store, and wait to be shown.
        eventually(lambda: shop.operator(shop.stack.projector_grpc).consumers()["events-views"].depth >= 2)
    order = shopper.order(cart, "CONFIRMED")
    assert order["version"] == 3
    assert merchant.available(mug) == 0


def test_paused_policies_place_no_order_until_they_go_on(
    shop: Shop, merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells(price=100, stock=1)
    cart = shopper.fills((mug, 1))
    with paused(shop.operator(shop.stack.domain_grpc), "events-policies"):
        applied(shopper.checks_out(cart, 100))
        assert shopper.cart(cart)["status"] == "CHECKED_OUT"
        assert problem(shopper.get(f"/v1/orders/{cart}")) == (404, "NOT_FOUND")
        assert merchant.available(mug) == 1
    shopper.order(cart, "CONFIRMED")
    eventually(lambda: merchant.available(mug) == 0)


def test_a_paused_stream_delivers_late_and_loses_nothing(
    shop: Shop, merchant: Merchant, shopper: Shopper
) -> None:
    mug = merchant.sells()
    cart = new_id("c")
    with shopper.follow(f"cart/{cart}") as stream:
        with paused(shop.operator(shop.stack.stream_grpc), "updates"):
            for _ in range(5):
                applied(shopper.adds(cart, mug))
            assert stream.updates == []
        heard(stream, f"cart/{cart}", 5)
        assert versions(stream.updates) == [1, 2, 3, 4, 5]


def test_every_worker_tells_operators_how_it_is_and_nobody_else(shop: Shop) -> None:
    expected = {
        shop.stack.domain_grpc: ("domain_svc", {"commands", "commands-later", "events-policies"}),
        shop.stack.projector_grpc: ("projector_svc", {"events-views", "events-sales"}),
        shop.stack.stream_grpc: ("stream_svc", {"updates"}),
    }
    for target, (service, consumers) in expected.items():
        assert set(shop.operator(target).consumers()) == consumers
        with grpc.insecure_channel(target) as channel:
            health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
            assert health.status == health_pb2.HealthCheckResponse.SERVING
            token = shop.person("operator").token
            metadata = (("authorization", f"Bearer {token}"),)
            status = AdminStub(channel).Status(StatusRequest(), timeout=5, metadata=metadata)
            assert (status.service, bool(status.version)) == (service, True)
            assert status.memory_bytes > 1_000_000
            for who, code in (
                (shop.stranger(), grpc.StatusCode.UNAUTHENTICATED),
                (shop.merchant(), grpc.StatusCode.PERMISSION_DENIED),
            ):
                metadata = (("authorization", f"Bearer {who.token}"),)
                with pytest.raises(grpc.RpcError) as error:
                    AdminStub(channel).Status(StatusRequest(), timeout=5, metadata=metadata)
                assert error.value.code() == code
    with pytest.raises(grpc.RpcError):
        shop.operator(shop.stack.domain_grpc).pause("nothing")
