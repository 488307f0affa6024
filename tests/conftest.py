"""Fixtures of every part."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.redis_server import RedisServer
from tests.shop import Shop, open_shop

# A machine that is busy is slow, and no test is about time.
settings.register_profile("prism", deadline=None)
settings.load_profile("prism")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that tests share: keep to a namespace of your own, and do not flush it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis to flush, stop and start."""
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.close()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop in this process, on the embedded engine."""
    return open_shop(tmp_path)
