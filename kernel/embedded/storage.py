"""The embedded engine, opened."""

import time
from collections.abc import Callable
from pathlib import Path

from kernel.embedded import events, queue, views
from kernel.embedded.database import Database
from kernel.ports import EventStore, Queue, ViewStore, check_queue_name


class EmbeddedStorage:
    """The ports of storage over SQLite files in one folder, each component in a file of its own.

    Any number of processes on this machine may open the same folder. Opening touches no file: what
    is missing is made at the first call. How durable it is: see Database. `clock` answers seconds
    since the epoch; queues tell by it what is visible.
    """

    def __init__(self, data_dir: str, clock: Callable[[], float] = time.time) -> None:
        self._folder = Path(data_dir)
        self._clock = clock
        self._queues: dict[str, queue.EmbeddedQueue] = {}
        self._events = Database(self._folder / "events.db", events.SCHEMA)
        self._databases = [self._events]
        self.events: EventStore = events.EmbeddedEventStore(self._events)
        self.views: ViewStore = views.EmbeddedViewStore(self._database("views.db", views.SCHEMA))

    def queue(self, name: str) -> Queue:
        """The queue of that name: the same object at every call."""
        check_queue_name(name)
        if name not in self._queues:
            database = self._database(f"queue-{name}.db", queue.SCHEMA)
            # Two threads may come here at once: both get the object that came first.
            return self._queues.setdefault(name, queue.EmbeddedQueue(name, database, self._clock))
        return self._queues[name]

    def ping(self) -> None:
        """Reads the event store's file, and writes to those that the disk refused to write to before."""
        self._events.ping()
        for database in list(self._databases):
            database.try_again()

    def close(self) -> None:
        """Closes every file."""
        for database in self._databases:
            database.close()

    def _database(self, file: str, schema: str) -> Database:
        database = Database(self._folder / file, schema)
        self._databases.append(database)
        return database
