"""Rebuilding: what a process does beside its consumers for rebuilds, put together."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import grpc

from kernel.contract import Contract
from kernel.generations import Pointers, Stamps
from kernel.ports import Storage
from kernel.projection import Projection
from kernel.upcasting import EventReader
from prism.admin.v1.projections_pb2 import VerifyResponse
from projector_svc.rebuild.caretaker import Caretaker
from projector_svc.rebuild.filling import Filling
from projector_svc.rebuild.service import ProjectionsService
from projector_svc.rebuild.verifying import Verification
from projector_svc.rows import Rows
from projector_svc.written import Written


class Rebuilding:
    """The caretaker and the service that operators call. A kernel.worker.Task."""

    def __init__(
        self,
        contract: Contract,
        projections: Sequence[Projection[Any]],
        reader: EventReader,
        storage: Storage,
        stamps: Stamps,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._contract = contract
        self._projections = {item.view: item for item in projections}
        self._reader = reader
        self._storage = storage
        self._stamps = stamps
        self.caretaker = Caretaker(storage.views, stamps, sorted(self._projections), self.filling, clock)
        self._service = ProjectionsService(contract, Pointers(storage.views), self.caretaker, self.verify)

    def register(self, server: grpc.Server) -> Iterable[str]:
        """Adds the service to a server; answers its name."""
        return self._service.register(server)

    def start(self) -> None:
        """Begins to take care."""
        self.caretaker.start()

    def stop(self) -> None:
        """Ends answers, and leaves a rebuild at hand to the next process."""
        self._service.close()
        self.caretaker.stop()

    def written(self, views: Sequence[str]) -> Written:
        """What a consumer of this process knows of its views' generations."""
        return Written(views, Pointers(self._storage.views), self._stamps, self.caretaker.changes)

    def filling(self, view: str, name: str) -> Filling:
        """What fills a generation of a view."""
        return Filling(
            self._contract.views[view],
            self._projections[view],
            self._reader,
            self._storage.events,
            Rows(self._storage.views, self._contract),
            name,
        )

    def verify(self, view: str, limit: int) -> Iterator[VerifyResponse]:
        """Compares a view with its events."""
        projection = self._projections[view]
        return Verification(self._contract, projection, self._reader, self._storage, limit).run()
