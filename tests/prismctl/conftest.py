"""A plane to operate, and the program that does."""

from collections.abc import Iterator

import pytest

from tests.prismctl.program import Prismctl
from tests.prismctl.workers import Plane, running


@pytest.fixture
def plane() -> Iterator[Plane]:
    with running() as opened:
        yield opened


@pytest.fixture
def ctl(plane: Plane) -> Prismctl:
    return Prismctl(plane.env)
