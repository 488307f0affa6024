"""A stack of real processes for whoever means it harm."""

import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.client import Shop
from tests.e2e.conftest import open_shop


@pytest.fixture
def namespace() -> str:
    """Of an edge of a test's own."""
    return f"i{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def fuzzed() -> Iterator[Shop]:
    """A shop that these tests share, and fill with whatever it takes."""
    with open_shop("embedded") as opened:
        yield opened
