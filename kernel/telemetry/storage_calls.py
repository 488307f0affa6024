"""Counts and times a call to the storage engine."""

import time
from types import TracebackType

from kernel.telemetry.metrics import STORAGE_CALLS, STORAGE_SECONDS, bound

_calls = bound(STORAGE_CALLS)
_seconds = bound(STORAGE_SECONDS)


class storage_call:  # read as a verb: `with storage_call("queue.put"):`
    """Around a call: counts it as `kind`, and how long it took, also when it fails."""

    # A class: contextlib's way would cost as much again.
    __slots__ = ("_began", "_kind")

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        _calls(self._kind).inc()
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _seconds(self._kind).observe(time.perf_counter() - self._began)
