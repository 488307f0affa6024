"""Figures out of samples: medians and percentiles."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """How long something took, in milliseconds."""

    samples: int
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Rate:
    """How many a second, over several rounds."""

    median: float
    rounds: list[float]


def latency(seconds: Sequence[float]) -> Latency:
    """The percentiles of at least one sample, by nearest rank."""
    ordered = sorted(seconds)

    def rank(percent: int) -> float:
        return round(1000 * ordered[(len(ordered) - 1) * percent // 100], 3)

    return Latency(len(ordered), rank(50), rank(95), rank(99), rank(100))


def rate(rounds: Sequence[float]) -> Rate:
    """The median of at least one round's rate: a machine that others use has slow rounds."""
    return Rate(round(statistics.median(rounds), 1), [round(each, 1) for each in rounds])
