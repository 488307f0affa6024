"""Progress of rebuilds, as it is answered."""

from prism.admin.v1.projections_pb2 import RebuildProgress
from prism.envelope.v1.envelope_pb2 import Generations


def progress_of(
    earlier: RebuildProgress, phase: RebuildProgress.Phase, done: int, total: int, rate: float
) -> RebuildProgress:
    """The same work, further on. `done` may count an event twice after a take-over, and new ones."""
    progress = RebuildProgress(
        generation=earlier.generation,
        phase=phase,
        done=min(done, total),
        total=total,
        rate=rate,
        started_at=earlier.started_at,
        subject=earlier.subject,
    )
    if rate > 0:
        progress.time_left.FromNanoseconds(int((total - progress.done) / rate * 1e9))
    return progress


def progress_of_build(building: Generations.Building) -> RebuildProgress:
    """How far a rebuild is, as its builder last said."""
    begun = RebuildProgress(
        generation=building.number, started_at=building.started_at, subject=building.subject
    )
    phase = RebuildProgress.BUILDING if building.total or building.done else RebuildProgress.COUNTING
    return progress_of(begun, phase, building.done, building.total, building.rate)
