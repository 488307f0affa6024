"""A view store for one piece of work in one thread, gone with it: an unnamed SQLite database."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from kernel.embedded import views
from kernel.embedded.database import Database


class Scratch(Database):
    """Rests in memory, and in an unlinked temporary file once it is large: no death of ours leaves it behind."""

    def __init__(self) -> None:
        super().__init__(Path("scratch"), views.SCHEMA)

    @contextmanager
    def _transaction(
        self, kind: str, begin: Literal["BEGIN", "BEGIN IMMEDIATE"]
    ) -> Iterator[sqlite3.Connection]:
        # Not what an engine is asked: counted apart.
        with super()._transaction("scratch", begin) as connection:
            yield connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        connection.executescript(self._schema)
        return connection


@contextmanager
def scratch_views() -> Iterator[views.EmbeddedViewStore]:
    """Such a store, empty. For one thread at a time: another connection would be another database."""
    database = Scratch()
    try:
        yield views.EmbeddedViewStore(database)
    finally:
        database.close()
