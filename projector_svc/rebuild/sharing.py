"""Sharing the interpreter: a scan computes for seconds, and consumers in the same process must not wait for it."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# A thread that wants to go on after I/O waits at most so long for one that computes. Python's own 5 ms, a
# dozen times a batch, would be 60 ms for every command.
SWITCH_S = 0.0005

_lock = threading.Lock()
_computing = 0
_usual_s = sys.getswitchinterval()


@contextmanager
def computing() -> Iterator[None]:
    """While a block computes, other threads get their turn sooner."""
    global _computing
    with _lock:
        _computing += 1
        sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        with _lock:
            _computing -= 1
            if not _computing:
                sys.setswitchinterval(_usual_s)
