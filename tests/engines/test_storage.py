"""What ports.Storage promises: it says when it is out of reach, quickly and without secrets."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dev.azurite import connection_string, free_ports
from kernel.azure import transport
from kernel.azure.account import DEVELOPMENT_KEY
from kernel.azure.storage import AzureStorage
from kernel.embedded.storage import EmbeddedStorage
from kernel.errors import ConfigurationError, StorageUnavailable
from kernel.ports import Message, Row, RowId, Storage
from kernel.telemetry import metrics
from prism.envelope.v1.envelope_pb2 import Commit, Snapshot
from tests.engines.conftest import Engine

MESSAGE = Message("1", b"", "receipt", 1, 0.0)
ROW = Row(RowId("v", "p", "k"), b"data")
CALLS: dict[str, Callable[[Storage], object]] = {
    "ping": lambda storage: storage.ping(),
    "append": lambda storage: storage.events.append([Commit(stream="s", number=1)]),
    "read": lambda storage: storage.events.read("s"),
    "scan": lambda storage: list(storage.events.scan()),
    "count": lambda storage: storage.events.count(),
    "get_snapshot": lambda storage: storage.events.get_snapshot("s"),
    "put_snapshot": lambda storage: storage.events.put_snapshot(Snapshot(stream="s")),
    "get": lambda storage: storage.views.get([ROW.id]),
    "save": lambda storage: storage.views.save([ROW]),
    "page": lambda storage: storage.views.page("v", "p"),
    "drop": lambda storage: storage.views.drop("v"),
    "scan_rows": lambda storage: list(storage.views.scan("v")),
    "delete_rows": lambda storage: storage.views.delete([ROW.id]),
    "put": lambda storage: storage.queue("q").put([b"body"]),
    "receive": lambda storage: storage.queue("q").receive(),
    "delete": lambda storage: storage.queue("q").delete([MESSAGE]),
    "extend": lambda storage: storage.queue("q").extend([MESSAGE], 1),
    "peek": lambda storage: storage.queue("q").peek(),
    "depth": lambda storage: storage.queue("q").depth(),
}


@pytest.fixture(params=["embedded", "azure"])
def unreachable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    storage: Storage
    if request.param == "embedded":
        (tmp_path / "data").write_text("a file where the folder should be")
        storage = EmbeddedStorage(str(tmp_path / "data"))
    else:
        queue_port, table_port = free_ports(2)
        storage = AzureStorage(connection_string(queue_port, table_port), "unreachable")
    yield storage
    storage.close()


@pytest.mark.parametrize("call", CALLS)
def test_storage_out_of_reach_says_so_soon_and_without_its_key(unreachable: Storage, call: str) -> None:
    started = time.monotonic()
    with pytest.raises(StorageUnavailable) as caught:
        CALLS[call](unreachable)
    assert time.monotonic() - started < 5
    assert DEVELOPMENT_KEY not in str(caught.getrepr(style="long", showlocals=False))


@pytest.fixture
def silent() -> Iterator[AzureStorage]:
    """A server that takes connections and answers nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with closing(AzureStorage(connection_string(port, port), "silent")) as storage:
            yield storage


def test_a_ping_of_a_server_that_never_answers_ends_within_two_seconds(silent: AzureStorage) -> None:
    started = time.monotonic()
    with pytest.raises(StorageUnavailable):
        silent.ping()
    assert time.monotonic() - started < 2.5


@pytest.mark.parametrize("call", ["append", "read", "put", "receive"])
def test_a_server_that_never_answers_is_not_asked_twice(
    silent: AzureStorage, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.5)
    started = time.monotonic()
    with pytest.raises(StorageUnavailable, match="no answer"):
        CALLS[call](silent)
    assert time.monotonic() - started < 1


def test_storage_within_reach_answers_a_ping(engine: Engine) -> None:
    engine.storage.ping()


@pytest.mark.parametrize(
    "wrong",
    [
        "embeded",
        "AccountName=shop",
        "AccountName=shop;AccountKey=se cret",
        "AccountKey=c2VjcmV0",
        "AccountName=shop;AccountKey=c2VjcmV0;secret",
        "secret=1;secret=2",
        "UseDevelopmentStorage=secret",
        ";",
        "",
    ],
)
def test_what_is_no_connection_string_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AzureStorage(wrong, "prism")
    assert "`PRISM_STORAGE` takes" in str(caught.value)
    # The SDK's own error, which may quote the string, is not shown either.
    assert caught.value.__suppress_context__
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "right",
    [
        "UseDevelopmentStorage=true",
        "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net",
        "AccountName=shop;AccountKey=c2VjcmV0",
        connection_string(1, 2),
    ],
)
def test_connection_strings_open_without_a_call(right: str) -> None:
    AzureStorage(right, "prism").close()


def test_calls_are_counted_by_kind(engine: Engine) -> None:
    def calls(do: Callable[[], object]) -> dict[str, int]:
        before = metrics.storage_calls()
        do()
        return {k: n for k, after in metrics.storage_calls().items() if (n := after - before.get(k, 0))}

    for make_what_is_missing in ("append", "put_snapshot", "save", "put"):
        CALLS[make_what_is_missing](engine.storage)
    queue = engine.storage.queue("q")
    # One transaction for all, or one request each.
    three = 1 if engine.clock else 3
    commits = [Commit(stream=f"s{i}", number=1) for i in range(3)]
    assert calls(lambda: engine.storage.events.append(commits)) == {"events.append": three}
    assert calls(lambda: engine.storage.views.get([ROW.id] * 3)) == {"views.get": three}
    assert calls(lambda: queue.put([b"body"] * 2)) == {"queue.put": three - 1 or 1}
    received: list[Message] = []
    assert calls(lambda: received.extend(queue.receive())) == {"queue.receive": 1}
    assert calls(lambda: queue.extend(received, 30)) == {"queue.extend": three}
    assert calls(lambda: engine.storage.events.read("none")) == {"events.read": 1}
    assert calls(lambda: engine.storage.views.page("v", "p")) == {"views.page": 1}
    assert calls(lambda: list(engine.storage.events.scan()))["events.read"] <= 2
