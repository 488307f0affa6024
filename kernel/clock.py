"""The machine's time, as contracts have it."""

import time

from google.protobuf.timestamp_pb2 import Timestamp


def now() -> Timestamp:
    """The time of the machine."""
    # A sixth of the time that GetCurrentTime takes.
    return from_ns(time.time_ns())


def from_ns(nanoseconds: int) -> Timestamp:
    """A time in nanoseconds since the epoch."""
    seconds, nanos = divmod(nanoseconds, 10**9)
    return Timestamp(seconds=seconds, nanos=nanos)
