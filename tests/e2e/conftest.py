"""Stacks with real processes, on both engines. The shared ones live as long as the run."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dev.demo.client import connect
from dev.stack import running
from tests.e2e.client import Merchant, Shop, Shopper


@contextmanager
def open_shop(engine: str, env: dict[str, str] | None = None, domain_replicas: int = 1) -> Iterator[Shop]:
    """A shop of one's own."""
    with (
        running(engine, env=env, domain_replicas=domain_replicas) as stack,
        connect(stack.edge_url) as http,
    ):
        yield Shop(stack, http)


@pytest.fixture(scope="session", params=["embedded", "azurite"])
def engine(request: pytest.FixtureRequest) -> str:
    """What the stack stores in. All tests run on the first before the second's stack starts."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def shop(engine: str) -> Iterator[Shop]:
    """The shop that tests share: they may pause and flush, if they put it right again, and break nothing."""
    with open_shop(engine) as opened:
        yield opened


@pytest.fixture
def merchant(shop: Shop) -> Merchant:
    """A merchant of the shared shop."""
    return shop.merchant()


@pytest.fixture
def shopper(shop: Shop) -> Shopper:
    """A shopper of the shared shop."""
    return shop.shopper()
