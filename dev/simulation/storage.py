"""A storage engine in memory: the ports of kernel.ports, and no more than they promise.

A call may fail before, after or in the middle of its effect. Nothing is shared with callers: what is
stored are bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dev.simulation import describing
from dev.simulation.network import Network, failing
from dev.simulation.queue import SimulatedQueue
from kernel.ports import Row, RowId, check_size
from prism.envelope.v1.envelope_pb2 import Commit, Snapshot


class SimulatedEventStore:
    """kernel.ports.EventStore."""

    def __init__(self, network: Network) -> None:
        self.commits: dict[str, list[bytes]] = {}
        self.snapshots: dict[str, bytes] = {}
        # By stream, when each commit came to rest.
        self.appended_at: dict[str, list[float]] = {}
        self._network = network

    def append(self, commits: Sequence[Commit]) -> list[bool]:
        """Each commit on its own."""
        for commit in commits:
            check_size(commit.SerializeToString())
        return self._network.call_many(
            lambda: f"append {describing.commits(commits)}",
            commits,
            self.append_one,
            failing("simulated: append"),
        )

    def append_one(self, commit: Commit) -> bool:
        """Whether the commit rests at its place now."""
        stored = self.commits.setdefault(commit.stream, [])
        if commit.number == len(stored) + 1:
            stored.append(commit.SerializeToString())
            self.appended_at.setdefault(commit.stream, []).append(self._network.world.now)
            return True
        if commit.number > len(stored):
            raise AssertionError(f"{commit.stream}: commit {commit.number} after {len(stored)}: a hole")
        taken = Commit.FromString(stored[commit.number - 1]) != commit
        self._network.note(
            f"append: {commit.stream} {commit.number} is " + ("taken" if taken else "there already")
        )
        return not taken

    def read(self, stream: str, after: int = 0, limit: int | None = None) -> list[Commit]:
        """In one call."""

        def read() -> list[Commit]:
            end = None if limit is None else after + limit
            return [Commit.FromString(data) for data in self.commits.get(stream, [])[after:end]]

        return self._network.call(lambda: f"read {stream} after {after}", read, failing("simulated: read"))

    def get_snapshot(self, stream: str) -> Snapshot | None:
        """In one call."""

        def get() -> Snapshot | None:
            data = self.snapshots.get(stream)
            return None if data is None else Snapshot.FromString(data)

        return self._network.call(
            lambda: f"get the snapshot of {stream}", get, failing("simulated: snapshot")
        )

    def put_snapshot(self, snapshot: Snapshot) -> None:
        """In one call."""

        def put() -> None:
            self.snapshots[snapshot.stream] = snapshot.SerializeToString()

        self._network.call(
            lambda: f"put the snapshot of {snapshot.stream} at {snapshot.number}",
            put,
            failing("simulated: snapshot"),
        )

    def scan(self, prefix: str = "", after: str = "") -> Iterator[Commit]:
        """Stream by stream, each read when its turn comes."""
        for stream in sorted(self.commits):
            if stream.startswith(prefix) and stream > after:
                yield from self.read(stream)

    def count(self, prefix: str = "") -> int:
        """In one call."""

        def count() -> int:
            latest = [stored[-1] for stream, stored in self.commits.items() if stream.startswith(prefix)]
            return sum(Commit.FromString(data).version for data in latest)

        return self._network.call(lambda: f"count {prefix}", count, failing("simulated: count"))


class SimulatedViewStore:
    """kernel.ports.ViewStore."""

    def __init__(self, network: Network) -> None:
        self.rows: dict[RowId, tuple[bytes, str]] = {}
        self._network = network
        self._etags = 0

    def get(self, ids: Sequence[RowId]) -> list[Row | None]:
        """Each row on its own."""

        def get(id_: RowId) -> Row | None:
            stored = self.rows.get(id_)
            return None if stored is None else Row(id_, *stored)

        return self._network.call_many(
            lambda: "get " + ", ".join(f"{id_.view}/{id_.key}" for id_ in ids),
            ids,
            get,
            failing("simulated: views.get"),
        )

    def save(self, rows: Sequence[Row]) -> list[str | None]:
        """Each row on its own."""
        for row in rows:
            check_size(row.data)
        return self._network.call_many(
            lambda: "save " + ", ".join(f"{row.id.view}/{row.id.key}" for row in rows),
            rows,
            self.save_one,
            failing("simulated: views.save"),
        )

    def save_one(self, row: Row) -> str | None:
        """The new etag; None where another state is stored than the row was made from."""
        stored = self.rows.get(row.id)
        if (stored[1] if stored else None) != row.etag:
            self._network.note(f"save: {row.id.view}/{row.id.key} was changed by another")
            return None
        self._etags += 1
        self.rows[row.id] = row.data, f"e{self._etags}"
        return f"e{self._etags}"

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
        """In one call."""

        def page() -> list[Row]:
            ids = sorted(
                (id_ for id_ in self.rows if (id_.view, id_.partition) == (view, partition)),
                key=lambda id_: id_.key,
            )
            found = [id_ for id_ in ids if id_.key >= first and id_.key > after]
            return [Row(id_, *self.rows[id_]) for id_ in found if not last or id_.key <= last][:limit]

        return self._network.call(
            lambda: f"page of {view}/{partition}", page, failing("simulated: views.page")
        )

    def count(self, view: str, partition: str, limit: int = 1000) -> int:
        """Of a page."""
        return len(self.page(view, partition, limit=limit))

    def scan(self, view: str) -> Iterator[Row]:
        """Partition by partition."""
        for partition in sorted({id_.partition for id_ in self.rows if id_.view == view}):
            yield from self.page(view, partition, limit=len(self.rows))

    def delete(self, ids: Sequence[RowId]) -> None:
        """One effect a row."""
        self._network.call_many(
            lambda: "delete " + ", ".join(f"{id_.view}/{id_.key}" for id_ in ids),
            ids,
            lambda id_: self.rows.pop(id_, None),
            failing("simulated: views.delete"),
        )

    def drop(self, view: str) -> None:
        """One effect a row."""
        self.delete([id_ for id_ in self.rows if id_.view == view])


@dataclass(slots=True)
class SimulatedStorage:
    """kernel.ports.Storage."""

    network: Network
    events: SimulatedEventStore = field(init=False)
    views: SimulatedViewStore = field(init=False)
    queues: dict[str, SimulatedQueue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.events = SimulatedEventStore(self.network)
        self.views = SimulatedViewStore(self.network)

    def queue(self, name: str) -> SimulatedQueue:
        """The one of that name."""
        if name not in self.queues:
            self.queues[name] = SimulatedQueue(name, self.network)
        return self.queues[name]

    def ping(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing to give back."""
