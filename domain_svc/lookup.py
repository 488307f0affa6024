"""Finds what became of a command in the stream that decided on it."""

from collections.abc import Callable, Iterator
from threading import Lock

from domain_svc.streams import Streams
from kernel.contract import aggregate_of
from kernel.errors import StorageUnavailable
from kernel.ports import EventStore
from prism.envelope.v1.envelope_pb2 import Commit, Outcome

SEARCH_CHUNK = 500


class Lookup:
    """Commands of streams, by id. Safe for threads; the streams are its own."""

    def __init__(self, store: EventStore, own: Streams) -> None:
        self._store = store
        self._streams = own
        self._lock = Lock()

    def outcome(self, name: str, command_id: str) -> Outcome | None:
        """The outcome of a command; None for one that the stream does not know."""
        commit = self.commit(name, command_id)
        return outcome_in(commit, command_id) if commit else None

    def commit(self, name: str, command_id: str, wanted: Callable[[], bool] = lambda: True) -> Commit | None:
        """The commit that decided on a command; None for one that the stream does not know.

        A search among old commits ends when the answer is not wanted any more.
        """
        if aggregate_of(name) not in self._streams.aggregates:
            return None
        with self._lock:
            try:
                self._streams.begin_batch()
                stream = self._streams.load_current(name)
                if number := stream.decided_in(command_id):
                    return self._streams.at_commit(name, number)
                if not stream.forgets:
                    return None
            except StorageUnavailable:
                raise
            except Exception:  # noqa: BLE001 # a stream with an event that nobody can read
                self._streams.forget(name)
            # Older than what is remembered: the commits themselves know. One search at a time.
            return next((c for c in self._commits(name, wanted) if outcome_in(c, command_id)), None)

    def _commits(self, name: str, wanted: Callable[[], bool]) -> Iterator[Commit]:
        after = 0
        while wanted() and (commits := self._store.read(name, after=after, limit=SEARCH_CHUNK)):
            yield from commits
            after = commits[-1].number


def outcome_in(commit: Commit, command_id: str) -> Outcome | None:
    """A command's outcome in a commit."""
    return next((outcome for outcome in commit.outcomes if outcome.command_id == command_id), None)
