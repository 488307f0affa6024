"""An edge of each test's own."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.client import Edge, settings_for
from tests.redis_server import RedisServer


@pytest.fixture
def namespace() -> str:
    return f"e{uuid.uuid4().hex[:12]}"


@pytest.fixture
def edge(tmp_path: Path, redis_url: str, namespace: str) -> Edge:
    return Edge(settings_for(tmp_path / "data", redis_url, namespace))


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis to flush, stop and start."""
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.close()
