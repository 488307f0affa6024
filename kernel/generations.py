"""Generations of a view's rows: which one is read, and which ones are written.

A pointer row a view says so, in the view store. Where there is none, generation 0 is read and written.
Readers ask for the stored name of the live generation and may be READERS_TTL_S late. Writers look, after
each batch that they have saved, at a stamp in Redis that changes after the pointer did (`Stamps`): so
whatever was saved before a stamp was renewed is in the event store by then, and whatever is saved later is
written to the new generation, too.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redis import Redis

from kernel.errors import Poison, StorageUnavailable
from kernel.ports import Row, RowId, ViewStore
from kernel.stored import decode
from prism.envelope.v1.envelope_pb2 import Generations

# The view store's own name for the pointers.
POINTERS = "generations"
# How long a reader goes on reading a generation that has been replaced.
READERS_TTL_S = 1.0


def stored_name(view: str, number: int) -> str:
    """The name under which a generation's rows are stored."""
    return f"{view}@{number}" if number else view


def view_of(name: str) -> str:
    """The view whose generation has this stored name."""
    return name.partition("@")[0]


def number_of(name: str) -> int:
    """The generation that has this stored name."""
    return int(name.partition("@")[2] or 0)


def written(generations: Generations) -> tuple[int, ...]:
    """The generations that take events, the live one first."""
    building = [generations.building.number] if generations.HasField("building") else []
    retired = [item.number for item in generations.retired if not item.dropping]
    return (generations.live, *building, *retired)


class Pointers:
    """The pointer rows. Every call may raise StorageUnavailable. Safe for threads."""

    def __init__(self, store: ViewStore) -> None:
        self._store = store

    def read(self, views: Sequence[str]) -> dict[str, Generations]:
        """Each view's generations."""
        found = self._store.get([_row_id(view) for view in views])
        return {view: _decode(view, row) for view, row in zip(views, found, strict=True)}

    def change(self, view: str, step: Callable[[Generations], object]) -> Generations:
        """Changes a view's generations by what `step` does to them, and answers them as they are then.

        When someone else is faster, `step` is done again to what they left: it must look at what it finds,
        and leave it as it is where there is nothing left to do. An error of it changes nothing.
        """
        while True:
            [row] = self._store.get([_row_id(view)])
            before, after = _decode(view, row), _decode(view, row)
            step(after)
            if after == before:
                return after
            data = after.SerializeToString(deterministic=True)
            [etag] = self._store.save([Row(_row_id(view), data, row.etag if row else None)])
            if etag is not None:
                return after


class Stamps:
    """Says in Redis that a pointer changed: a random text a view, in one hash.

    Raises one of kernel.redis.RedisUnavailable. Nothing is lost with the hash: who finds no stamp makes a
    new one, which nobody has seen, so everybody looks at the pointers.
    """

    def __init__(self, redis: Redis, namespace: str) -> None:
        # redis-py types every answer as a union of all shapes of both protocols.
        self._redis: Any = redis
        self._key = f"{namespace}:generations"

    def read(self, views: Sequence[str]) -> dict[str, str]:
        """Each view's stamp, in one round trip where all are there."""
        found = self._redis.hmget(self._key, views)
        if None in found:
            for view, stamp in zip(views, found, strict=True):
                if stamp is None:
                    self._redis.hsetnx(self._key, view, _new_stamp())
            found = self._redis.hmget(self._key, views)
        # None once more: it was lost again between two calls. Equal to no stamp that anyone knows.
        return {view: (stamp or b"").decode() for view, stamp in zip(views, found, strict=True)}

    def renew(self, view: str) -> str:
        """Changes a view's stamp, after its pointer was changed."""
        stamp = _new_stamp()
        self._redis.hset(self._key, view, stamp)
        return stamp


class LiveNames:
    """Where readers find the live rows of views: at most READERS_TTL_S behind. Safe for threads.

    A view costs its readers one storage call a TTL.
    """

    def __init__(
        self, store: ViewStore, ttl_s: float = READERS_TTL_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pointers = Pointers(store)
        self._ttl_s = ttl_s
        self._clock = clock
        self._known: dict[str, tuple[float, str]] = {}

    def of(self, view: str) -> str:
        """The stored name of a view's live generation. May raise StorageUnavailable."""
        # By the time before the read: an answer that was long on its way is not used for long.
        now = self._clock()
        known = self._known.get(view)
        if known and now < known[0]:
            return known[1]
        name = stored_name(view, self._pointers.read([view])[view].live)
        self._known[view] = (now + self._ttl_s, name)
        return name


def names_written(pointers: Mapping[str, Generations]) -> dict[str, tuple[str, ...]]:
    """By view the stored names of what is written, the live one first."""
    return {
        view: tuple(stored_name(view, number) for number in written(generations))
        for view, generations in pointers.items()
    }


def _row_id(view: str) -> RowId:
    return RowId(POINTERS, "", view)


def _decode(view: str, row: Row | None) -> Generations:
    """StorageUnavailable for a pointer that cannot be read: nobody can guess where it led, so readers and
    writers of the view wait until an operator has mended it, and nothing is lost."""
    try:
        return decode(Generations, row.data, f"the pointer of view {view!r}") if row else Generations()
    except Poison as error:
        raise StorageUnavailable(str(error)) from None


def _new_stamp() -> str:
    return secrets.token_hex(8)
