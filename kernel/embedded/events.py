"""The event store on SQLite."""

from collections.abc import Iterator, Sequence

from kernel.embedded.database import Database
from kernel.ports import check_size, end_of
from kernel.stored import is_commit, read_commit, read_snapshot
from prism.envelope.v1.envelope_pb2 import Commit, Snapshot

# Not WITHOUT ROWID: a row past a quarter of a page would spill into a page of its own.
SCHEMA = """
CREATE TABLE IF NOT EXISTS commits (
    stream TEXT NOT NULL,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (stream, number)
);
CREATE TABLE IF NOT EXISTS snapshots (stream TEXT PRIMARY KEY, data BLOB NOT NULL);
"""
APPEND = "INSERT INTO commits (stream, number, data) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
AT = "SELECT data FROM commits WHERE stream = ? AND number = ?"
READ = "SELECT number, data FROM commits WHERE stream = ? AND number > ? ORDER BY number LIMIT ?"
SCAN = """
SELECT stream, number, data FROM commits
WHERE (stream, number) > (?, ?) AND stream < ? ORDER BY stream, number LIMIT ?
"""
LATEST = """
SELECT stream, number, data FROM commits JOIN
    (SELECT stream, max(number) AS number FROM commits WHERE stream >= ? AND stream < ? GROUP BY stream)
    USING (stream, number)
"""
GET_SNAPSHOT = "SELECT data FROM snapshots WHERE stream = ?"
PUT_SNAPSHOT = "INSERT OR REPLACE INTO snapshots (stream, data) VALUES (?, ?)"
# A scan reads this many commits a transaction, so that it never holds one open for long.
SCAN_CHUNK = 500
# Of a commit: above any that there can be.
LAST_NUMBER = 2**32


class EmbeddedEventStore:
    """Commits and snapshots in one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, commits: Sequence[Commit]) -> list[bool]:
        """Appends in one transaction."""
        rows = [(commit.stream, commit.number, check_size(commit.SerializeToString())) for commit in commits]
        with self._database.write("events.append") as connection:
            if connection.executemany(APPEND, rows).rowcount == len(rows):
                return [True] * len(rows)
            stored = [connection.execute(AT, row[:2]).fetchone()[0] for row in rows]
        return [is_commit(data, commit) for data, commit in zip(stored, commits, strict=True)]

    def read(self, stream: str, after: int = 0, limit: int | None = None) -> list[Commit]:
        """Reads in one query."""
        with self._database.read("events.read") as connection:
            # To SQLite, a limit of -1 is none.
            rows = connection.execute(READ, (stream, after, -1 if limit is None else limit)).fetchall()
        return [read_commit(data, stream, number) for number, data in rows]

    def get_snapshot(self, stream: str) -> Snapshot | None:
        """Reads in one query."""
        with self._database.read("snapshots.get") as connection:
            row = connection.execute(GET_SNAPSHOT, (stream,)).fetchone()
        return read_snapshot(row[0], stream) if row else None

    def put_snapshot(self, snapshot: Snapshot) -> None:
        """Replaces in one statement."""
        data = check_size(snapshot.SerializeToString())
        with self._database.write("snapshots.put") as connection:
            connection.execute(PUT_SNAPSHOT, (snapshot.stream, data))

    def scan(self, prefix: str = "", after: str = "") -> Iterator[Commit]:
        """Reads stream by stream, in chunks."""
        rows = [(max(prefix, after), LAST_NUMBER if after >= prefix else 0, b"")]
        while rows:
            stream, number, _ = rows[-1]
            with self._database.read("events.read") as connection:
                rows = connection.execute(SCAN, (stream, number, end_of(prefix), SCAN_CHUNK)).fetchall()
            for stream, number, data in rows:
                yield read_commit(data, stream, number)

    def count(self, prefix: str = "") -> int:
        """Adds up the versions of the streams' last commits, in one query."""
        with self._database.read("events.count") as connection:
            rows = connection.execute(LATEST, (prefix, end_of(prefix)))
            return sum(read_commit(data, stream, number).version for stream, number, data in rows)
