"""One SQLite file, shared by threads and processes: connections, short transactions, errors."""

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from kernel.errors import StorageUnavailable
from kernel.telemetry.storage_calls import storage_call

# What a disk that is full, broken or read-only answers to a write.
SICK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}

# How long a call waits for other processes. Their transactions last a few milliseconds, but SQLite waits
# in naps and hands the lock to whoever wakes first: with four writers at full speed one waited 1 s.
BUSY_TIMEOUT_S = 4.0
# The log of changes is written into the file every 1,000 pages, unless somebody reads just then. What it came
# to meanwhile is given back to the disk down to this size.
WAL_KEPT_BYTES = 16 * 1024 * 1024


class Database:
    """A database file, made with its folder and schema when it is first used.

    In WAL mode with `synchronous=NORMAL`: what a call has acknowledged survives the death of any
    process, `kill -9` included, for the operating system has it. A power cut may take back the
    transactions since the last checkpoint (1,000 pages), and never corrupts the file.
    Needs SQLite 3.35 or newer, for RETURNING.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._made = False
        # Idle connections: a call takes one and gives it back, so there are as many as calls at once.
        self._idle: list[sqlite3.Connection] = []
        # SQLite's own wait for the write lock sleeps milliseconds: too long between our threads.
        self._writing = threading.Lock()
        # Whether the disk refused the latest write.
        self._sick = False

    @contextmanager
    def write(self, kind: str) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its start; counted as `kind`."""
        if not self._writing.acquire(timeout=BUSY_TIMEOUT_S):
            raise StorageUnavailable(f"{self._path.name}: too many writers wait")
        try:
            with self._transaction(kind, "BEGIN IMMEDIATE") as connection:
                yield connection
            self._sick = False
        except StorageUnavailable as error:
            # The code's lowest byte is the kind of the error.
            self._sick = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF in SICK
            raise
        finally:
            self._writing.release()

    @contextmanager
    def read(self, kind: str) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state throughout and neither waits nor blocks; counted as `kind`."""
        with self._transaction(kind, "BEGIN") as connection:
            yield connection

    def ping(self) -> None:
        """Returns if the file can be read and is still where it was made."""
        with self._connection() as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not self._path.exists():
                raise StorageUnavailable(f"{self._path.name} was removed under a running process")

    def try_again(self) -> None:
        """Writes, if the disk refused the latest write. StorageUnavailable if it still does."""
        if self._sick:
            with self.write("ping") as connection:
                connection.execute("PRAGMA user_version = 1")

    def close(self) -> None:
        """Closes the idle connections."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _transaction(
        self, kind: str, begin: Literal["BEGIN", "BEGIN IMMEDIATE"]
    ) -> Iterator[sqlite3.Connection]:
        with storage_call(kind), self._connection() as connection:
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = None
        try:
            connection = self._take()
            yield connection
            self._idle.append(connection)
        except BaseException as error:
            # Closing rolls back, and a connection that met an error is not trusted again.
            if connection is not None:
                connection.close()
            # OperationalError: locked, full, read-only, I/O. DatabaseError itself: not a database.
            if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
                raise StorageUnavailable(f"{self._path.name}: {error}") from error
            raise

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        if not self._made:
            self._make()
            self._made = True
        return self._open()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        # Deleted bytes need no overwriting, as some builds do by default.
        connection.executescript(
            f"PRAGMA synchronous=NORMAL; PRAGMA secure_delete=OFF;PRAGMA journal_size_limit={WAL_KEPT_BYTES};"
        )
        return connection

    def _make(self) -> None:
        """Makes folder, file and schema. A lock lets one process in: WAL is switched on by one only."""
        folder = self._path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (folder / "schema.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with closing(self._open()) as connection:
                    connection.execute("PRAGMA journal_mode=WAL")
                    connection.executescript(self._schema)
        except OSError as error:
            raise StorageUnavailable(f"{folder}: {error.strerror}") from error
