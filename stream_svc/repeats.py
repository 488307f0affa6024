"""Repeats: the projector publishes again what it may have failed to publish, so clients need a filter."""

from collections import OrderedDict

from stream_svc.items import Item

CAPACITY = 20_000


class Repeats:
    """Remembers the latest state of the things that items told about most recently.

    What is told again after `capacity` other things passes; clients then see a version they know.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._told: OrderedDict[tuple[str, str], int] = OrderedDict()

    def is_new(self, item: Item) -> bool:
        """True when nothing was told of the same thing in this state or a newer one. Remembers it."""
        latest = self._told.get(item.about)
        if latest is not None and latest >= item.state:
            return False
        self._told[item.about] = item.state
        self._told.move_to_end(item.about)
        if len(self._told) > self._capacity:
            self._told.popitem(last=False)
        return True

    def forget(self) -> None:
        """Forgets everything."""
        self._told.clear()
