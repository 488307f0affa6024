"""What tests of every part use."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], timeout_s: float = 10) -> T:
    """The first answer of `check` that is true in a boolean sense; asks again every 20 ms until then.

    An AssertionError of `check` counts as not yet. When the time is up its last one is raised.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        failure = AssertionError(f"not so within {timeout_s} s")
        try:
            if answer := check():
                return answer
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure
        time.sleep(0.02)
