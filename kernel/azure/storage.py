"""The azure engine, opened."""

from typing import Any

from kernel.azure.account import Account
from kernel.azure.calls import Parallel
from kernel.azure.events import AzureEventStore
from kernel.azure.queue import AzureQueue
from kernel.azure.table import Table
from kernel.azure.views import AzureViewStore
from kernel.ports import EventStore, Queue, ViewStore, check_queue_name

# One attempt, and of it one second to connect and one to answer.
PING_OPTIONS: dict[str, Any] = {"retry_total": 0, "connection_timeout": 1, "read_timeout": 1}


class AzureStorage:
    """The ports of storage over one account.

    Its tables are `<namespace>events`, `...snapshots` and `...views`, its queues `<namespace>-<name>`.
    Opening makes no call; a table or queue that is missing is created by the first write to it.
    ConfigurationError for a connection string that is none. A call out of reach fails after two
    quick repeats, or when it was not answered in time: within 6 seconds or so.
    """

    def __init__(self, connection_string: str, namespace: str) -> None:
        self._namespace = namespace
        self._account = Account(connection_string)
        self._parallel = Parallel()
        self._queues: dict[str, AzureQueue] = {}
        self._views = self._table("views")
        self.events: EventStore = AzureEventStore(
            self._table("events"), self._table("snapshots"), self._parallel
        )
        self.views: ViewStore = AzureViewStore(self._views, self._parallel)

    def queue(self, name: str) -> Queue:
        """The queue of that name: the same object at every call."""
        check_queue_name(name)
        if name not in self._queues:
            # Two threads may come here at once: both get the object that came first.
            return self._queues.setdefault(name, self._queue(name))
        return self._queues[name]

    def ping(self) -> None:
        """Asks both services at once."""
        pings = [self._views.ping, self._queue("ping").ping]
        self._parallel.map(lambda ping: ping(**PING_OPTIONS), pings)

    def close(self) -> None:
        """Ends the threads and closes the connections."""
        self._parallel.close()
        self._account.close()

    def _table(self, name: str) -> Table:
        return Table(self._account.table(f"{self._namespace}{name}"))

    def _queue(self, name: str) -> AzureQueue:
        return AzureQueue(name, self._account.queue(f"{self._namespace}-{name}"), self._parallel)
