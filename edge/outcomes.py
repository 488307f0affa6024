"""What became of a command: read, waited for, and told as JSON."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Lock, Semaphore
from typing import Any

import grpc

from edge.memory import Memory
from edge.problems import NOT_FOUND, STORAGE_UNAVAILABLE, Problem, unavailable
from kernel.channels import open_channel
from kernel.clock import now
from kernel.names import is_command_id, is_stream
from kernel.outcomes import DECIDED_KEEP_S, OutcomeBoard
from kernel.settings import Settings
from prism.envelope.v1.envelope_pb2 import Outcome
from prism.mesh.v1.mesh_pb2 import GetOutcomeRequest
from prism.mesh.v1.mesh_pb2_grpc import OutcomesStub

ASK_DEADLINE_S = 2.0
# Where nobody else knows, a domain_svc that restarts is waited for.
RESTART_S = 5.0
# Whoever waits looks up as often, whether this process drains. Less than Redis has for an answer.
LOOK_UP_S = 1.0
# Threads that are never used up by waiting clients, so that everyone else is still served.
THREADS_FOR_OTHERS = 2
# Where all others wait already, one more, and no other, waits this long for its turn to wait.
TURN_S = 1.0
UNKNOWN = {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}


@dataclass(frozen=True, slots=True)
class Waited:
    """The end of a wait: the outcome, or None where the time was up first."""

    outcome: Outcome | None


class Outcomes:
    """Outcomes from Redis, else over gRPC from the event store. Open after fork; safe for threads."""

    def __init__(self, settings: Settings, memory: Memory, draining: Event) -> None:
        self._memory = memory
        self._draining = draining
        self._board = OutcomeBoard(memory.quick, settings.prism_namespace)
        self._stub = OutcomesStub(open_channel(settings, settings.domain_target))
        self._turns = Semaphore(max(1, settings.prism_edge_threads - THREADS_FOR_OTHERS))
        self._next = Lock()

    def find(self, stream: str, command_id: str) -> Outcome:
        """The outcome of a command. A Problem: not found, or unavailable when nobody can tell now."""
        if not is_stream(stream) or not is_command_id(command_id):
            raise _not_found()
        known = self._memory.ask(lambda: self._board.get(command_id))
        if known is None:
            with self._turn(0) as mine:
                known = self._ask(stream, command_id, patient=mine)
        elif known.status == Outcome.ACCEPTED:
            # Redis may have been away when it was decided: the event store knows.
            with suppress(Problem):
                known = self._ask(stream, command_id, patient=False)
        if known.stream != stream:
            raise _not_found()
        return known

    def wait(self, stream: str, command_id: str, timeout_s: float, *, repeated: bool) -> Waited | None:
        """Waits until the command is decided or failed, or the time is up; None if it could not wait.

        That is when Redis is out of reach, too many wait already, or this process drains. Redis tells of
        a decision once the views show it, which the event store cannot say: it is believed only of a repeated
        command that was decided so long ago that Redis has forgotten it.
        """
        if repeated:
            known = self._memory.ask(lambda: self._board.get(command_id)) or self._old(stream, command_id)
            if known and known.status != Outcome.ACCEPTED:
                return Waited(known)
        with self._turn(timeout_s) as mine:
            return self._wait(command_id, timeout_s) if mine else None

    def _wait(self, command_id: str, timeout_s: float) -> Waited | None:
        ends = time.monotonic() + timeout_s

        def look() -> Waited:
            return Waited(self._board.wait(command_id, min(ends - time.monotonic(), LOOK_UP_S)))

        while time.monotonic() < ends:
            waited = self._memory.ask(look)
            if waited is None or waited.outcome:
                return waited
            if self._draining.is_set():
                return None
        return Waited(None)

    def _old(self, stream: str, command_id: str) -> Outcome | None:
        """The outcome of a command that was decided before all that Redis still tells of."""
        try:
            known = self.find(stream, command_id)
        except Problem:
            return None
        age_s = now().ToSeconds() - known.stages.decided_at.ToSeconds()
        return known if age_s > DECIDED_KEEP_S else None

    def _ask(self, stream: str, command_id: str, *, patient: bool) -> Outcome:
        try:
            request = GetOutcomeRequest(stream=stream, command_id=command_id)
            deadline_s = RESTART_S if patient else ASK_DEADLINE_S
            return self._stub.GetOutcome(request, timeout=deadline_s, wait_for_ready=patient)
        except grpc.RpcError as error:
            if error.code() in UNKNOWN:
                raise _not_found() from None
            raise unavailable(STORAGE_UNAVAILABLE) from None

    @contextmanager
    def _turn(self, timeout_s: float) -> Iterator[bool]:
        mine = self._turns.acquire(blocking=False) or self._next_turn(min(timeout_s, TURN_S))
        try:
            yield mine
        finally:
            if mine:
                self._turns.release()

    def _next_turn(self, timeout_s: float) -> bool:
        # A second one in line would take the last thread from those who do not wait.
        if not self._next.acquire(blocking=False):
            return False
        try:
            return self._turns.acquire(timeout=timeout_s)
        finally:
            self._next.release()


def document(outcome: Outcome) -> dict[str, Any]:
    """An outcome as a JSON object, without its sender."""
    return {
        "commandId": outcome.command_id,
        "status": Outcome.Status.Name(outcome.status),
        "stream": outcome.stream,
        "version": outcome.version,
        "code": outcome.code,
        "detail": outcome.detail,
        "events": _events(outcome),
    }


def applied_document(outcome: Outcome) -> dict[str, Any]:
    """An applied command's outcome as its sender, who waited, gets it."""
    return {
        "commandId": outcome.command_id,
        "status": "APPLIED",
        "stream": outcome.stream,
        "version": outcome.version,
        "events": _events(outcome),
    }


def _events(outcome: Outcome) -> list[dict[str, str]]:
    return [{"eventId": event.event_id, "type": event.type} for event in outcome.events]


def _not_found() -> Problem:
    return Problem(NOT_FOUND, "no such command is known of this stream")
