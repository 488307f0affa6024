"""prism.admin.v1.Projections: what operators see of rebuilds, and ask of them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Event
from typing import NoReturn

import grpc

from kernel.admin.operators import subject
from kernel.contract import Contract, View
from kernel.generations import Pointers
from prism.admin.v1 import projections_pb2, projections_pb2_grpc
from prism.admin.v1.projections_pb2 import RebuildProgress
from prism.envelope.v1.envelope_pb2 import Generations
from projector_svc.rebuild import lifecycle
from projector_svc.rebuild.caretaker import Caretaker
from projector_svc.rebuild.filling import Unprojectable
from projector_svc.rebuild.progress import progress_of, progress_of_build
from projector_svc.rebuild.sharing import computing

# Each holds a thread of the server.
MAX_FOLLOWERS = 4
MAX_VERIFICATIONS = 1
PROGRESS_S = 0.5
DIFFERENCES, MAX_DIFFERENCES = 1000, 10_000

# Verifies a view by its name, and tells at most so many differences.
Verify = Callable[[str, int], Iterator[projections_pb2.VerifyResponse]]


class ProjectionsService(projections_pb2_grpc.ProjectionsServicer):
    """Answers from the pointers, whoever builds; a rebuild that is asked for here is begun here."""

    def __init__(self, contract: Contract, pointers: Pointers, caretaker: Caretaker, verify: Verify) -> None:
        self._views = contract.views
        self._pointers = pointers
        self._caretaker = caretaker
        self._verify = verify
        self._stopping = Event()
        self._followers = BoundedSemaphore(MAX_FOLLOWERS)
        self._verifying = BoundedSemaphore(MAX_VERIFICATIONS)

    def register(self, server: grpc.Server) -> Iterable[str]:
        """Adds itself to a server; answers its name."""
        projections_pb2_grpc.add_ProjectionsServicer_to_server(self, server)
        return [projections_pb2.DESCRIPTOR.services_by_name["Projections"].full_name]

    def close(self) -> None:
        """Ends the answers that are under way: UNAVAILABLE. What is built is built on."""
        self._stopping.set()

    def ListProjections(  # the contract's name
        self, request: projections_pb2.ListProjectionsRequest, context: grpc.ServicerContext
    ) -> projections_pb2.ListProjectionsResponse:
        """Every view, by name."""
        pointers = self._pointers.read(sorted(self._views))
        return projections_pb2.ListProjectionsResponse(
            projections=[status_of(self._views[name], found) for name, found in pointers.items()]
        )

    def Rebuild(  # the contract's name
        self, request: projections_pb2.RebuildRequest, context: grpc.ServicerContext
    ) -> Iterator[projections_pb2.RebuildResponse]:
        """Begins, and follows until it is over."""
        view, who = self._named(request.view, context), subject()
        with self._place(self._followers, "rebuilds are followed", context):
            begun = self._pointers.change(view.name, lambda found: lifecycle.begin(found, who))
            # The stamp is its builder's to renew.
            self._caretaker.wake()
            for progress in self._follow(view.name, begun.building, context):
                yield projections_pb2.RebuildResponse(progress=progress)

    def CancelRebuild(  # the contract's name
        self, request: projections_pb2.CancelRebuildRequest, context: grpc.ServicerContext
    ) -> projections_pb2.CancelRebuildResponse:
        """Ends it here and now; its builder notices at its next heartbeat."""
        view, reason = self._named(request.view, context), f"cancelled by {subject()}"
        number = self._pointers.read([view.name])[view.name].building.number
        changed = self._pointers.change(view.name, lambda found: lifecycle.end(found, number, reason))
        if not any(item.number == number and item.failure for item in changed.retired):
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, f"no rebuild of {view.name} runs")
        self._caretaker.tell(view.name)
        self._caretaker.wake()
        return projections_pb2.CancelRebuildResponse(generation=number)

    def Verify(  # the contract's name
        self, request: projections_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> Iterator[projections_pb2.VerifyResponse]:
        """Builds aside, compares, tells."""
        view = self._named(request.view, context)
        if request.limit > MAX_DIFFERENCES:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the limit is at most {MAX_DIFFERENCES}")
        with self._place(self._verifying, "verifications run", context), computing():
            try:
                for answer in self._verify(view.name, request.limit or DIFFERENCES):
                    if not self._listening(context):
                        return
                    yield answer
            except Unprojectable as error:
                context.abort(grpc.StatusCode.ABORTED, str(error))

    def _follow(
        self, view: str, building: Generations.Building, context: grpc.ServicerContext
    ) -> Iterator[RebuildProgress]:
        number, last = building.number, progress_of_build(building)
        while self._listening(context):
            found = self._pointers.read([view])[view]
            if found.HasField("building") and found.building.number == number:
                last = progress_of_build(found.building)
                yield last
            else:
                failure = _failure(found, number)
                if failure:
                    context.abort(grpc.StatusCode.ABORTED, failure)
                events, rate = found.live_events, found.live_rate
                yield progress_of(last, RebuildProgress.LIVE, events, events, rate)
                return
            self._stopping.wait(PROGRESS_S)

    def _listening(self, context: grpc.ServicerContext) -> bool:
        """Whether someone still listens; when this process ends they are told."""
        if self._stopping.is_set():
            context.abort(grpc.StatusCode.UNAVAILABLE, "this projector_svc ends: ask another one, or again")
        return bool(context.is_active())

    def _named(self, name: str, context: grpc.ServicerContext) -> View:
        if name not in self._views:
            _abort(
                context,
                grpc.StatusCode.NOT_FOUND,
                f"there is no view {name[:100]!r}; there are {', '.join(sorted(self._views))}",
            )
        return self._views[name]

    @contextmanager
    def _place(self, places: BoundedSemaphore, what: str, context: grpc.ServicerContext) -> Iterator[None]:
        if not places.acquire(blocking=False):
            _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, f"too many {what} here: try again later")
        try:
            yield
        finally:
            places.release()


def status_of(view: View, generations: Generations) -> projections_pb2.ProjectionStatus:
    """A view with its generations."""
    status = projections_pb2.ProjectionStatus(
        view=view.name,
        subscriber=view.subscriber,
        aggregates=view.aggregates,
        generation=generations.live,
        retired=[item.number for item in generations.retired],
    )
    if generations.HasField("live_since"):
        status.live_since.CopyFrom(generations.live_since)
    if generations.HasField("building"):
        status.rebuild.CopyFrom(progress_of_build(generations.building))
    return status


def _failure(generations: Generations, number: int) -> str:
    """Why a rebuild ended without going live; empty if it went."""
    retired = {item.number: item.failure for item in generations.retired}
    if number in retired:
        return retired[number]
    return "" if generations.live == number else "it ended, and is forgotten"


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, details: str) -> NoReturn:
    context.abort(code, details)
    raise AssertionError("abort raises")
