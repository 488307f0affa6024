"""Both engines, so that every test of this folder that takes `engine` runs on each."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dev import azurite
from kernel.azure.storage import AzureStorage
from kernel.embedded.storage import EmbeddedStorage
from kernel.ports import EventStore, Queue, Storage, ViewStore


@dataclass
class Clock:
    """The embedded engine's time: moves when it is told to."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@dataclass
class Engine:
    """An engine on storage of its own."""

    storage: Storage
    # None where time is the server's.
    clock: Clock | None = None

    def pass_time(self, seconds: float) -> None:
        """Lets time pass where we rule it; elsewhere it passes while the test waits with `eventually`."""
        if self.clock:
            self.clock.now += seconds


@pytest.fixture(scope="session")
def azurite_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azurite.running(tmp_path_factory.mktemp("azurite")) as connection_string:
        yield connection_string


@pytest.fixture(params=["embedded", "azurite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "embedded":
        clock = Clock()
        opened = Engine(EmbeddedStorage(str(tmp_path / "data"), clock), clock)
    else:
        opened = Engine(open_azure(request.getfixturevalue("azurite_address")))
    yield opened
    opened.storage.close()


@pytest.fixture
def azure(azurite_address: str) -> Iterator[AzureStorage]:
    storage = open_azure(azurite_address)
    yield storage
    storage.close()


def open_azure(address: str) -> AzureStorage:
    # A namespace a test: none sees another's tables and queues.
    return AzureStorage(address, f"t{uuid.uuid4().hex[:12]}")


@pytest.fixture
def queue(engine: Engine) -> Queue:
    return engine.storage.queue("commands")


@pytest.fixture
def events(engine: Engine) -> EventStore:
    return engine.storage.events


@pytest.fixture
def views(engine: Engine) -> ViewStore:
    return engine.storage.views
