"""What the embedded engine promises beyond the ports: it is shared by processes, and survives their death."""

import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kernel.embedded import database
from kernel.embedded.storage import EmbeddedStorage
from kernel.errors import EffectUnknown, StorageUnavailable
from prism.envelope.v1.envelope_pb2 import Commit, Outcome

# Each process races for 60 places, puts 60 messages, and then takes from the queue what it can.
CONTENDER = """
import sys
from kernel.embedded.storage import EmbeddedStorage
from prism.envelope.v1.envelope_pb2 import Commit, Outcome

folder, me = sys.argv[1:]
storage = EmbeddedStorage(folder)
queue = storage.queue("race")
for n in range(1, 61):
    commit = Commit(stream="cart-1", number=n, outcomes=[Outcome(command_id=me)])
    queue.put([f"{me}:{n}".encode()])
    if storage.events.append([commit]) == [True]:
        print("won", n)
while messages := queue.receive(4):
    for message in messages:
        print("took", message.body.decode())
    queue.delete(messages)
"""

# Says what it has been told is safe, until it is killed.
WRITER = """
import sys
from kernel.embedded.storage import EmbeddedStorage
from prism.envelope.v1.envelope_pb2 import Commit, Outcome

storage = EmbeddedStorage(sys.argv[1])
number = 0
while True:
    number += 1
    assert storage.events.append([Commit(stream="cart-1", number=number)]) == [True]
    storage.queue("commands").put([str(number).encode()])
    print(number, flush=True)
"""


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    paths = [path for path in sys.path if path]
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": ":".join(paths)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def storage(folder: Path) -> Iterator[EmbeddedStorage]:
    with closing(EmbeddedStorage(str(folder))) as opened:
        yield opened


def test_processes_share_a_folder_that_they_all_find_empty(folder: Path, storage: EmbeddedStorage) -> None:
    contenders = [start(CONTENDER, str(folder), str(i)) for i in range(4)]
    lines = [line for contender in contenders for line in contender.communicate(timeout=60)[0].splitlines()]
    assert [contender.returncode for contender in contenders] == [0] * 4
    seen = Counter(line.split()[0] for line in lines)
    assert seen == {"won": 60, "took": 240}
    assert len(set(lines)) == 300
    assert [commit.number for commit in storage.events.read("cart-1")] == list(range(1, 61))


def test_what_was_acknowledged_survives_kill_9(folder: Path, storage: EmbeddedStorage) -> None:
    writer = start(WRITER, str(folder))
    assert writer.stdout is not None
    for line in writer.stdout:
        if int(line) == 200:
            writer.send_signal(signal.SIGKILL)
            break
    acknowledged = 200 + len(writer.stdout.readlines())
    writer.wait()
    writer.stdout.close()
    stored = [commit.number for commit in storage.events.read("cart-1")]
    assert stored == list(range(1, len(stored) + 1))
    # What was under way when it died may be there, too.
    assert acknowledged <= len(stored) <= acknowledged + 1
    assert acknowledged <= storage.queue("commands").depth().messages <= acknowledged + 1


def test_nobody_else_may_look_into_the_folder(folder: Path, storage: EmbeddedStorage) -> None:
    storage.ping()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_opening_touches_no_file(folder: Path, storage: EmbeddedStorage) -> None:
    storage.queue("commands")
    assert not folder.exists()


def test_a_ping_notices_that_the_folder_was_removed(folder: Path, storage: EmbeddedStorage) -> None:
    storage.ping()
    shutil.rmtree(folder)
    with pytest.raises(StorageUnavailable):
        storage.ping()


def test_a_ping_notices_a_full_disk_from_the_first_refused_write_on(storage: EmbeddedStorage) -> None:
    queue = storage.queue("commands")
    queue.put([b"first"])
    storage.ping()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        storage.ping()
        with pytest.raises(StorageUnavailable) as refused:
            queue.put([b"second"])
        assert not isinstance(refused.value, EffectUnknown)
        with pytest.raises(StorageUnavailable):
            storage.ping()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    storage.ping()
    queue.put([b"third"])
    assert [message.body for message in queue.receive()] == [b"first", b"third"]


def test_a_file_that_is_no_database_makes_storage_unavailable(folder: Path, storage: EmbeddedStorage) -> None:
    folder.mkdir()
    (folder / "events.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageUnavailable):
        storage.events.append([Commit(stream="cart-1", number=1)])


def test_a_writer_that_holds_on_stops_others_for_a_while_but_no_reader(
    folder: Path, storage: EmbeddedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    first, second = (Commit(stream="cart-1", number=number) for number in (1, 2))
    storage.events.append([first])
    with closing(sqlite3.connect(folder / "events.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable):
            storage.events.append([second])
        assert storage.events.read("cart-1") == [first]
    assert storage.events.append([second]) == [True]


def test_a_failed_call_does_not_spoil_the_next(storage: EmbeddedStorage) -> None:
    with pytest.raises(UnicodeEncodeError):
        storage.events.read("\ud800")
    assert storage.events.append([Commit(stream="cart-1", number=1)]) == [True]


def test_a_queue_s_file_is_as_large_as_its_largest_backlog(tmp_path: Path) -> None:
    """However many messages have gone through it: the room of those that are gone is taken again."""
    storage = EmbeddedStorage(str(tmp_path))
    queue = storage.queue("commands")

    def pages_after(messages: int) -> int:
        for _ in range(messages // 32):
            queue.put([bytes(500)] * 32)
            queue.delete(queue.receive(32))
        with closing(sqlite3.connect(tmp_path / "queue-commands.db")) as file:
            return int(file.execute("PRAGMA page_count").fetchone()[0])

    assert pages_after(3200) == pages_after(320)
    storage.close()


def test_the_log_of_changes_shrinks_after_a_reader_kept_it_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WAL_KEPT_BYTES", 100_000)
    storage = EmbeddedStorage(str(tmp_path))
    log = tmp_path / "events.db-wal"

    def write_mebibytes(stream: str, number: int) -> None:
        for place in range(1, 2 * number + 1):
            outcome = Outcome(detail="x" * 512 * 1024)
            assert storage.events.append([Commit(stream=stream, number=place, outcomes=[outcome])]) == [True]

    write_mebibytes("cart-1", 1)
    with closing(sqlite3.connect(tmp_path / "events.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM commits").fetchone()
        write_mebibytes("cart-2", 10)
        assert log.stat().st_size > 10 * 1024 * 1024
    # One more is written to the file, the next begins the log anew.
    write_mebibytes("cart-3", 1)
    assert log.stat().st_size < 2 * 1024 * 1024
    storage.close()
