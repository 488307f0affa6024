"""Runs the same thing in several threads, all let go at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")


def race(runners: int, run: Callable[[int], T]) -> list[T]:
    """What each runner answered, by its number."""
    barrier = Barrier(runners)

    def start(number: int) -> T:
        barrier.wait()
        return run(number)

    with ThreadPoolExecutor(runners) as threads:
        return list(threads.map(start, range(runners)))
