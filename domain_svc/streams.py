"""Streams in memory: state, version and processed commands, loaded once and kept while hot."""

import hashlib
import inspect
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cachetools import LRUCache

from kernel.aggregate import Aggregate
from kernel.contract import aggregate_of
from kernel.errors import Poison, StorageUnavailable
from kernel.ports import EventStore
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Commit, Snapshot

logger = logging.getLogger(__name__)

# How many of a stream's latest commands are remembered, each with the commit that decided it: so many that
# people sent, and as many that policies sent. A repeat of an older one would be decided anew: a queue
# redelivers within seconds, a client repeats a key within a day.
PROCESSED_WINDOW = 5000
# A stream's state is saved at every so many commits, so that loading it reads no more than these.
SNAPSHOT_EVERY = 100
# What the cache holds, in remembered commands; a stream itself counts as so many.
CACHED_COMMANDS = 400_000
STREAM_WEIGHT = 50


@dataclass(slots=True)
class Stream:
    """What a stream has come to, as far as this process has followed it."""

    name: str
    state: Any
    number: int = 0
    version: int = 0
    # By command id, the number of the commit that decided it. What policies sent is remembered apart: on a
    # busy stream it would soon take the place of what people sent.
    processed: OrderedDict[str, int] = field(default_factory=OrderedDict)
    reactions: OrderedDict[str, int] = field(default_factory=OrderedDict)

    @property
    def forgets(self) -> bool:
        """Whether it may have decided on a command that it does not remember."""
        return max(len(self.processed), len(self.reactions)) >= PROCESSED_WINDOW

    def decided_in(self, command_id: str) -> int | None:
        """The number of the commit that decided on a command; None for one that it does not remember."""
        return self.processed.get(command_id) or self.reactions.get(command_id)

    def follow(self, commit: Commit, state: Any) -> None:  # noqa: ANN401 # each aggregate has its own type of state
        """Moves on by the next commit, which leads to this state."""
        self.state, self.number, self.version = state, commit.number, commit.version
        for outcome in commit.outcomes:
            # What follows from an event has a cause.
            remembered = self.reactions if outcome.causation_id else self.processed
            remembered[outcome.command_id] = commit.number
            while len(remembered) > PROCESSED_WINDOW:
                remembered.popitem(last=False)


class Streams:
    """Loads streams through a bounded cache, which the insert of the next commit checks.

    Not safe for threads: each consumer has its own.
    """

    def __init__(
        self, store: EventStore, aggregates: Sequence[Aggregate[Any]], reader: EventReader, exclusive: bool
    ) -> None:
        self.aggregates: Mapping[str, Aggregate[Any]] = {item.name: item for item in aggregates}
        self._store = store
        self._reader = reader
        # Nobody else appends: what is cached is how it is.
        self._exclusive = exclusive
        # Known to be as the store had it when the batch began.
        self._current: set[str] = set()
        self._cache: LRUCache[str, Stream] = LRUCache(
            CACHED_COMMANDS,
            getsizeof=lambda stream: STREAM_WEIGHT + len(stream.processed) + len(stream.reactions),
        )
        self._fingerprints = {item.name: _fingerprint(item) for item in aggregates}

    def begin_batch(self) -> None:
        """From now on `load_current` answers nothing older than this moment."""
        self._current.clear()

    def load(self, name: str) -> Stream:
        """The stream, from the cache if it is there: it may be older than the store."""
        stream = self._cache.get(name)
        if stream is None:
            stream = self._read(name)
            self._cache[name] = stream
        return stream

    def load_current(self, name: str) -> Stream:
        """The stream as the store had it when the batch began, or later. One read a stream and batch."""
        stream = self._cache.get(name)
        if stream is None:
            stream = self.load(name)
        elif not self._exclusive and name not in self._current:
            self._follow(stream, self._store.read(name, after=stream.number))
            # It may weigh more than it did.
            self._cache[name] = stream
        self._current.add(name)
        return stream

    def forget(self, name: str) -> None:
        """Drops a stream from the cache: its next load reads the store."""
        self._cache.pop(name, None)

    def follow(self, stream: Stream, commit: Commit, state: Any) -> None:  # noqa: ANN401 # each aggregate has its own type of state
        """Moves a stream on by a commit that the store has now, and saves a snapshot when one is due."""
        stream.follow(commit, state)
        self._cache[stream.name] = stream
        if commit.number % SNAPSHOT_EVERY == 0:
            try:
                self._store.put_snapshot(self._snapshot(stream))
            except (StorageUnavailable, Poison) as error:
                # The commit is in the store, which is what counts; the next snapshot covers it.
                logger.warning("no snapshot of %s at %d: %s", stream.name, stream.number, error)

    def at_commit(self, name: str, number: int) -> Commit | None:
        """One commit of a stream, as stored."""
        commits = self._store.read(name, after=number - 1, limit=1)
        return commits[0] if commits and commits[0].number == number else None

    def snapshot(self, name: str) -> Stream | None:
        """The stream as its snapshot has it; None where this release can read none. Safe for threads."""
        try:
            return self._restore(self._store.get_snapshot(name))
        except (Poison, msgspec.DecodeError) as error:
            # The commits tell the same. The next snapshot takes its place.
            logger.warning("the snapshot of %s is not used: %s", name, error)
            return None

    def _read(self, name: str) -> Stream:
        stream = Stream(name, self.aggregates[aggregate_of(name)].initial)
        # A stream shorter than this has no snapshot: most streams cost one read.
        commits = self._store.read(name, limit=SNAPSHOT_EVERY)
        if len(commits) == SNAPSHOT_EVERY:
            saved = self.snapshot(name)
            # From the snapshot's own commit on, which says whether the two belong together: one that is
            # ahead of its stream, as after a restored backup, would leave a hole in it.
            commits = self._store.read(name, after=saved.number - 1 if saved else 0)
            if saved and commits and _is_at(saved, commits[0]):
                stream, commits = saved, commits[1:]
            elif saved:
                logger.warning("the snapshot of %s is not used: its commit is not there", name)
                commits = self._store.read(name)
        self._follow(stream, commits)
        return stream

    def _follow(self, stream: Stream, commits: Iterable[Commit]) -> None:
        aggregate = self.aggregates[aggregate_of(stream.name)]
        for commit in commits:
            state = stream.state
            for envelope in commit.events:
                state = aggregate.evolve(state, self._reader.read(envelope))
            stream.follow(commit, state)

    def _snapshot(self, stream: Stream) -> Snapshot:
        return Snapshot(
            stream=stream.name,
            number=stream.number,
            version=stream.version,
            state=msgspec.msgpack.encode(stream.state),
            fingerprint=self._fingerprints[aggregate_of(stream.name)],
            processed=[
                Snapshot.Processed(command_id=command_id, number=number, by_policy=by_policy)
                for by_policy, remembered in ((False, stream.processed), (True, stream.reactions))
                for command_id, number in remembered.items()
            ],
        )

    def _restore(self, snapshot: Snapshot | None) -> Stream | None:
        if snapshot is None:
            return None
        aggregate = self.aggregates[aggregate_of(snapshot.stream)]
        if snapshot.fingerprint != self._fingerprints[aggregate.name]:
            # Another release's: its events tell the same to this one.
            return None
        return Stream(
            snapshot.stream,
            msgspec.msgpack.decode(snapshot.state, type=type(aggregate.initial)),
            snapshot.number,
            snapshot.version,
            *(
                OrderedDict(
                    (item.command_id, item.number)
                    for item in snapshot.processed
                    if item.by_policy == by_policy
                )
                for by_policy in (False, True)
            ),
        )


def _is_at(stream: Stream, commit: Commit) -> bool:
    return (stream.number, stream.version) == (commit.number, commit.version)


def _fingerprint(aggregate: Aggregate[Any]) -> str:
    """Changes with the code that makes an aggregate's states: a snapshot is only as good as that."""
    module = inspect.getmodule(type(aggregate.initial))
    assert module
    return hashlib.sha256(inspect.getsource(module).encode()).hexdigest()[:16]
