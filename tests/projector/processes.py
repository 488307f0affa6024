"""Processes of projector_svc, as far as rebuilds go, driven by hand: they tick, and they die."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Semaphore
from typing import Any, TypeVar

from redis import Redis

from kernel.embedded.storage import EmbeddedStorage
from kernel.generations import Pointers, Stamps, stored_name
from kernel.ports import RowId
from prism.admin.v1.projections_pb2 import RowDifference, VerifyResponse, VerifyResult
from prism.envelope.v1.envelope_pb2 import Generations
from projector_svc import shop as read_side
from projector_svc.rebuild import lifecycle
from projector_svc.rebuild.caretaker import SILENT_S
from projector_svc.rebuild.filling import Filling
from projector_svc.rebuild.rebuilding import Rebuilding
from projector_svc.rebuild.retiring import READ_GRACE_S, WRITE_GRACE_S
from projector_svc.rebuild.verifying import Verification
from tests.shop import CONTRACT, READER, Shop, open_shop
from tests.support import eventually

T = TypeVar("T")
# More permits than any test has batches.
ALL = 1_000_000


@dataclass
class Clock:
    """The caretakers' time: moves when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Gate:
    """Lets a scan, or a verification, pass step by step; open from the start unless it is closed."""

    def __init__(self) -> None:
        self._permits: Semaphore | None = None

    def close(self) -> None:
        self._permits = Semaphore(0)

    def let(self, batches: int = ALL) -> None:
        if self._permits:
            self._permits.release(batches)

    def passed(self, steps: Iterator[T]) -> Iterator[T]:
        for step in steps:
            if self._permits:
                self._permits.acquire()
            yield step


class Process(Rebuilding):
    """One process, with a handle of its own on the storage. Nothing moves until it ticks."""

    def __init__(self, folder: Path, stamps: Stamps, clock: Callable[[], float]) -> None:
        self.gate = Gate()
        self.storage = EmbeddedStorage(str(folder))
        super().__init__(CONTRACT, read_side.PROJECTIONS, READER, self.storage, stamps, clock)

    def filling(self, view: str, name: str) -> Filling:
        filling = super().filling(view, name)
        run = filling.run
        filling.run = lambda: self.gate.passed(run())  # type: ignore[method-assign] # every batch waits for the gate
        return filling

    def verify(self, view: str, limit: int) -> Iterator[VerifyResponse]:
        return self.gate.passed(super().verify(view, limit))

    def tick(self) -> None:
        self.caretaker.tick(rung=True)

    def die(self) -> None:
        """It will not tick again, and its scan ends where it is. Nobody is told."""
        if build := self.caretaker._build:
            build._stopping.set()
            self.gate.let()
            build.abandon(10)


@dataclass
class World:
    """A shop whose projector_svc processes rebuild."""

    folder: Path
    redis_url: str
    namespace: str = field(default_factory=lambda: f"t{uuid.uuid4().hex}")
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.shop: Shop = open_shop(self.folder, stamps=self.stamps())
        self.pointers = Pointers(self.shop.storage.views)

    def stamps(self) -> Stamps:
        """What one process sees Redis through."""
        return Stamps(Redis.from_url(self.redis_url, protocol=2), self.namespace)

    def process(self) -> Process:
        return Process(self.folder, self.stamps(), self.clock)

    def generations(self, view: str = "cart") -> Generations:
        return self.pointers.read([view])[view]

    def begin(self, view: str = "cart") -> int:
        """Asks for a rebuild; answers its number."""
        return self.pointers.change(view, lambda found: lifecycle.begin(found, "olga")).building.number

    def until(self, process: Process, reached: Callable[[], object]) -> None:
        """Lets a process tick until something is so."""

        def ticked() -> object:
            process.tick()
            return reached()

        eventually(ticked)

    def until_live(self, process: Process, number: int, view: str = "cart") -> None:
        self.until(process, lambda: self.generations(view).live == number)

    def tidied(self, process: Process, view: str = "cart") -> None:
        """Lets a process tick and time pass until nothing is left of what was."""

        def gone() -> bool:
            self.clock.now += max(SILENT_S, READ_GRACE_S, WRITE_GRACE_S) + 1
            return not self.generations(view).retired

        self.until(process, gone)

    def rebuild(self, view: str = "cart") -> None:
        """From beginning to end."""
        process, number = self.process(), self.begin(view)
        self.until_live(process, number, view)
        self.tidied(process, view)

    def stored(self, name: str) -> dict[tuple[str, str], bytes]:
        """Every row under a stored name."""
        return {(row.id.partition, row.id.key): row.data for row in self.shop.storage.views.scan(name)}

    def generation(self, number: int, view: str = "cart") -> dict[tuple[str, str], bytes]:
        return self.stored(stored_name(view, number))

    def told_by_events(self, folder: Path) -> dict[RowId, bytes]:
        """The rows that every event gives, projected by a shop that never rebuilt anything."""
        again = open_shop(folder)
        commits = list(self.shop.storage.events.scan())
        again.storage.events.append(commits)
        again.publish(commits)
        again.settle()
        return again.rows()

    def verification(
        self, view: str = "cart", limit: int = 1000, quiet_s: float = 0.05, wait_s: float = 1
    ) -> Iterator[VerifyResponse]:
        """The answers of a verification, as they are asked for."""
        [projection] = [item for item in read_side.PROJECTIONS if item.view == view]
        storage = EmbeddedStorage(str(self.folder))
        return Verification(
            CONTRACT, projection, READER, storage, limit, quiet_s=quiet_s, wait_s=wait_s
        ).run()

    def verify(self, *args: Any, **kwargs: Any) -> tuple[list[RowDifference], VerifyResult]:  # noqa: ANN401 # the same
        """The differences that a verification tells, and its result."""
        answers = list(self.verification(*args, **kwargs))
        assert answers[0].HasField("progress")
        assert answers[-1].HasField("result")
        return [item.difference for item in answers if item.HasField("difference")], answers[-1].result
