"""The view store on SQLite."""

import os
import sqlite3
from collections.abc import Iterator, Sequence

from kernel.embedded.database import Database
from kernel.ports import Row, RowId, check_size

# TEXT compares as UTF-8 bytes, which is the order of code points.
SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    view TEXT NOT NULL,
    partition TEXT NOT NULL,
    key TEXT NOT NULL,
    etag TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (view, partition, key)
);
"""
GET = "SELECT data, etag FROM rows WHERE view = ? AND partition = ? AND key = ?"
INSERT = "INSERT INTO rows (etag, data, view, partition, key) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
UPDATE = "UPDATE rows SET etag = ?, data = ? WHERE view = ? AND partition = ? AND key = ? AND etag = ?"
PAGE = """
SELECT key, data, etag FROM rows
WHERE view = ? AND partition = ? AND key >= ? AND key > ? AND key <= ? ORDER BY key LIMIT ?
"""
COUNT = "SELECT count(*) FROM (SELECT 1 FROM rows WHERE view = ? AND partition = ? LIMIT ?)"
SCAN = """
SELECT partition, key, data, etag FROM rows
WHERE view = ? AND (partition, key) > (?, ?) ORDER BY partition, key LIMIT ?
"""
DELETE = "DELETE FROM rows WHERE view = ? AND partition = ? AND key = ?"
DROP = "DELETE FROM rows WHERE rowid IN (SELECT rowid FROM rows WHERE view = ? LIMIT ?)"
# A drop deletes this many rows a transaction, so that it never keeps writers waiting.
DROP_CHUNK = 1000
# A scan reads this many rows a transaction.
SCAN_CHUNK = 1000


class EmbeddedViewStore:
    """Rows of all views in one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, ids: Sequence[RowId]) -> list[Row | None]:
        """Reads in one transaction."""
        with self._database.read("views.get") as connection:
            return [get_row(connection, id_) for id_ in ids]

    def save(self, rows: Sequence[Row]) -> list[str | None]:
        """Saves in one transaction."""
        for row in rows:
            check_size(row.data)
        # One etag a call: no other state of any row has had it.
        etag = os.urandom(8).hex()
        with self._database.write("views.save") as connection:
            return [etag if save_row(connection, row, etag) else None for row in rows]

    def page(
        self,
        view: str,
        partition: str,
        *,
        first: str = "",
        last: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> list[Row]:
        """Reads in one query."""
        # To SQLite every text is below every blob: b"" is no bound.
        bounds = (view, partition, first, after, last or b"", limit)
        with self._database.read("views.page") as connection:
            found = connection.execute(PAGE, bounds).fetchall()
        return [Row(RowId(view, partition, key), data, etag) for key, data, etag in found]

    def count(self, view: str, partition: str, limit: int = 1000) -> int:
        """Counts in the index."""
        with self._database.read("views.count") as connection:
            (found,) = connection.execute(COUNT, (view, partition, limit)).fetchone()
        return int(found)

    def scan(self, view: str) -> Iterator[Row]:
        """Reads in chunks."""
        rows = [("", "", b"", "")]
        while rows:
            partition, key, _, _ = rows[-1]
            with self._database.read("views.scan") as connection:
                rows = connection.execute(SCAN, (view, partition, key, SCAN_CHUNK)).fetchall()
            for partition, key, data, etag in rows:
                yield Row(RowId(view, partition, key), data, etag)

    def delete(self, ids: Sequence[RowId]) -> None:
        """Deletes in one transaction."""
        with self._database.write("views.delete") as connection:
            connection.executemany(DELETE, [(id_.view, id_.partition, id_.key) for id_ in ids])

    def drop(self, view: str) -> None:
        """Deletes in chunks; another reader may see a part of the view until it returns."""
        deleted = DROP_CHUNK
        while deleted == DROP_CHUNK:
            with self._database.write("views.drop") as connection:
                deleted = connection.execute(DROP, (view, DROP_CHUNK)).rowcount


def get_row(connection: sqlite3.Connection, id_: RowId) -> Row | None:
    """The row as it is stored."""
    found = connection.execute(GET, (id_.view, id_.partition, id_.key)).fetchone()
    return Row(id_, found[0], found[1]) if found else None


def save_row(connection: sqlite3.Connection, row: Row, etag: str) -> bool:
    """Saves a row, unless another state of it is stored than the one that it was made from."""
    values = (etag, row.data, row.id.view, row.id.partition, row.id.key)
    if row.etag is None:
        return connection.execute(INSERT, values).rowcount == 1
    return connection.execute(UPDATE, (*values, row.etag)).rowcount == 1
