"""A shop that rebuilds, of each test's own."""

from pathlib import Path

import pytest

from tests.projector.processes import World


@pytest.fixture
def world(tmp_path: Path, redis_url: str) -> World:
    return World(tmp_path / "data", redis_url)
