"""Observing: how long something has been as it is, by our own clock, for other processes' may be wrong."""

from collections.abc import Callable, Hashable


class Since:
    """When marks were first seen. One that is not asked for between two calls of `tidy` is forgotten."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[Hashable, float] = {}
        self._asked: set[Hashable] = set()

    def seconds(self, mark: Hashable) -> float:
        """How long it has been so, as far as we have seen: 0 the first time."""
        self._asked.add(mark)
        now = self._clock()
        return now - self._since.setdefault(mark, now)

    def knows(self, mark: Hashable) -> bool:
        """Whether it was seen before."""
        self._asked.add(mark)
        return mark in self._since

    def tidy(self) -> None:
        """Forgets what is over."""
        self._since = {mark: at for mark, at in self._since.items() if mark in self._asked}
        self._asked.clear()
