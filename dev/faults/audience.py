"""Screens that follow the stream of a real stack, and fetch anew when they are told to."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dev.demo.client import Person
from dev.demo.sse import Stream, Update
from dev.promises.screen import Screen
from kernel.ports import RowId
from prism.envelope.v1.envelope_pb2 import Commit

# How often an audience looks at what its streams have heard.
LOOK_S = 0.02

Stored = Callable[[], tuple[Mapping[RowId, bytes], Sequence[Commit]]]


class Audience:
    """All screens of a run. `stored` reads what a screen that fetches is shown."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._lock = threading.Lock()
        self._seats: list[_Seat] = []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="audience", daemon=True)
        self._thread.start()

    @property
    def screens(self) -> list[Screen]:
        """All of them."""
        return [seat.screen for seat in self._seats]

    def follow(self, person: Person, topics: tuple[str, ...]) -> None:
        """Opens one more screen, which comes back from its last id whenever it is cut off."""
        screen = Screen(person.subject, topics, lambda screen: screen.refetch(*self._stored()))
        stream = person.follow(*topics, resume=True)
        screen.refetch(*self._stored())
        with self._lock:
            self._seats.append(_Seat(screen, stream))

    def catch_up(self) -> int:
        """Takes what has been heard; answers how much."""
        with self._lock:
            return sum(seat.take() for seat in self._seats)

    def close(self) -> None:
        """Ends all streams."""
        self._closed.set()
        self._thread.join()
        for seat in self._seats:
            seat.stream.close()

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_S):
            self.catch_up()


class _Seat:
    """A screen and its stream."""

    def __init__(self, screen: Screen, stream: Stream) -> None:
        self.screen = screen
        self.stream = stream
        self._taken = 0

    def take(self) -> int:
        """Shows what has been heard since the last time."""
        news = self.stream.updates[self._taken :]
        self._taken += len(news)
        for update in news:
            self.screen.hear(update.event, _body(update))
        return len(news)


def _body(update: Update) -> dict[str, Any]:
    return {"version": update.version, "commandId": update.command_id, "data": update.data}
