"""A stream_svc that tests share, and the means to start others."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.redis_server import RedisServer
from tests.stream.given import Projector
from tests.stream.process import StreamProcess

Start = Callable[..., StreamProcess]


@pytest.fixture(scope="module")
def stream_svc(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[StreamProcess]:
    """One process for the tests of a module: keep to ids of your own."""
    process = StreamProcess(tmp_path_factory.mktemp("stream"), redis_url, PRISM_NAMESPACE="streams")
    process.start()
    yield process
    process.close()


@pytest.fixture
def projector(stream_svc: StreamProcess) -> Projector:
    """Publishes to the shared process."""
    return Projector(stream_svc.settings)


@pytest.fixture
def start(tmp_path: Path, own_redis: RedisServer) -> Iterator[Start]:
    """Starts processes of a test's own, on its own Redis."""
    processes = []

    def start(*tuning: str, **env: str) -> StreamProcess:
        process = StreamProcess(tmp_path, own_redis.url, **env)
        processes.append(process)
        process.start(*tuning)
        return process

    yield start
    for process in processes:
        process.close()
