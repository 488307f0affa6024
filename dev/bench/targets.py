"""What the figures are meant to reach, and whether they did in this run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dev.bench.engine import Engine
from dev.bench.pipeline import Pipeline

PIPELINE_RATIO = 5.0
POST_TO_SSE_P50_MS = 30.0
POST_TO_SSE_P99_MS = 150.0
LONE_CALLS = 8.0
LOADED_CALLS = 3.5
REBUILT_PER_S = 10_000.0


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its bound."""

    figure: str
    bound: str
    seen: float
    met: bool


def compare(pipeline: Pipeline | None, engines: Sequence[Engine]) -> list[Target]:
    """The targets of everything that was measured. Azurite's latency has none: it is no Azure."""
    return [*_of_pipeline(pipeline), *(target for engine in engines for target in _of_engine(engine))]


def _of_pipeline(pipeline: Pipeline | None) -> Iterator[Target]:
    if pipeline:
        yield _at_least("domain pipeline to the eventsourcing library", PIPELINE_RATIO, pipeline.ratio)


def _of_engine(engine: Engine) -> Iterator[Target]:
    name = engine.name
    if engine.pace and name == "embedded":
        yield _at_most(f"{name}: POST to SSE, p50 ms", POST_TO_SSE_P50_MS, engine.pace.post_to_sse_ms.p50)
        yield _at_most(f"{name}: POST to SSE, p99 ms", POST_TO_SSE_P99_MS, engine.pace.post_to_sse_ms.p99)
    if engine.rebuild and name == "embedded":
        yield _at_least(f"{name}: events rebuilt a second", REBUILT_PER_S, engine.rebuild.quiet.per_s)
    if engine.lone_warm:
        yield _at_most(f"{name}: storage calls, lone", LONE_CALLS, engine.lone_warm.calls.per_command)
    for title, load in (("single posts", engine.single), ("batches", engine.batch)):
        if load:
            yield _at_most(f"{name}: storage calls, {title}", LOADED_CALLS, load.calls.per_command)


def _at_least(figure: str, bound: float, seen: float) -> Target:
    return Target(figure, f">= {bound:g}", seen, seen >= bound)


def _at_most(figure: str, bound: float, seen: float) -> Target:
    return Target(figure, f"<= {bound:g}", seen, seen <= bound)
