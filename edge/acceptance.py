"""How a command is accepted, alone or in a batch: claimed, queued durably, noted, receipted.

Redis is told after the queue, so that it never knows of a command that nobody queued. A decision
that is faster stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from google.protobuf.message import Message

from edge.backlog import Backlog
from edge.idempotency import DONE, Claim, Key, Keys, command_id, fingerprint, judge
from edge.limits import Limit, Toll, toll_of
from edge.memory import Memory
from edge.problems import (
    ACCEPTANCE_UNKNOWN,
    BACKLOG_FULL,
    KEY_IN_FLIGHT,
    KEY_REUSED,
    PAYLOAD_TOO_LARGE,
    QUEUE_UNAVAILABLE,
    RETRY_AFTER_S,
    Kind,
    Problem,
    unavailable,
)
from edge.telemetry import tell_accepted
from kernel.clock import now
from kernel.contract import Command, fill_from
from kernel.doorbell import Bell
from kernel.errors import EffectUnknown, StorageUnavailable
from kernel.outcomes import OutcomeBoard
from kernel.packing import fits, pack_commands
from kernel.ports import Queue
from kernel.telemetry.metrics import COMMANDS_REFUSED
from kernel.telemetry.trace_context import trace_of
from kernel.tokens import Caller
from prism.envelope.v1.envelope_pb2 import Envelope, Outcome, Stages


@dataclass(frozen=True, slots=True)
class Intent:
    """A command that its sender may send and that keeps its contract."""

    command: Command
    message: Message
    key: str | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A command that is durably queued."""

    command_id: str
    stream: str
    replayed: bool

    def document(self) -> dict[str, str]:
        """The receipt as a JSON object."""
        return {"commandId": self.command_id, "status": "ACCEPTED", "stream": self.stream}


@dataclass(frozen=True, slots=True)
class _Candidate:
    envelope: Envelope
    key: Key | None


class Acceptance:
    """Accepts commands. Safe for threads."""

    def __init__(
        self,
        memory: Memory,
        namespace: str,
        queue: Queue,
        bell: Bell,
        backlog: Backlog,
        limit: Limit | None = None,
    ) -> None:
        self._memory = memory
        self._keys = Keys(memory, namespace)
        self._board = OutcomeBoard(memory.quick, namespace)
        self._queue = queue
        self._bell = bell
        self._backlog = backlog
        self._toll = partial(toll_of, limit, namespace)

    def accept(
        self, caller: Caller, intents: Sequence[Intent], traceparent: str | None
    ) -> list[Receipt | Problem]:
        """Queues what is new of the intents and answers each, one after the other.

        A receipt is given only for a command that is durably queued. Raises an unavailable Problem when the
        queue did not take them, when too many wait in it, or when nobody knows whether it took them
        (ACCEPTANCE_UNKNOWN): then none has a receipt, and all keys are free again; a rate-limited one when
        their sender sends too many: then none was looked at. Costs a round trip to Redis, one more where
        there are keys or a rate limit, and one call to the queue; sometimes the question for its depth.
        """
        trace = trace_of(traceparent)
        candidates = [_candidate(caller, intent, trace) for intent in intents]
        claims = self._claim(candidates, self._toll(caller.subject, len(candidates)))
        fresh = [
            candidate for candidate, claim in zip(candidates, claims, strict=True) if claim is Claim.FIRST
        ]
        if fresh:
            self._enqueue(fresh)
            tell_accepted([candidate.envelope for candidate in fresh])
            self._memory.tell(lambda: self._note(fresh))
        return [_answer(candidate, claim) for candidate, claim in zip(candidates, claims, strict=True)]

    def _claim(self, candidates: Sequence[_Candidate], toll: Toll | None) -> list[Claim | Problem]:
        """What becomes of each: a key's second use in a batch comes after the first was accepted."""
        firsts: dict[str, Key] = {}
        for candidate in candidates:
            if candidate.key and fits(candidate.envelope):
                firsts.setdefault(candidate.key.command_id, candidate.key)
        held = dict(zip(firsts, self._keys.claim(list(firsts.values()), toll), strict=True))
        claims: list[Claim | Problem] = []
        for candidate in candidates:
            key = candidate.key
            if not fits(candidate.envelope):
                claims.append(Problem(PAYLOAD_TOO_LARGE, "the command fits no message of the queue"))
            elif key is None or (key is firsts[key.command_id] and held[key.command_id] is None):
                claims.append(Claim.FIRST)
            else:
                first = firsts[key.command_id]
                claims.append(judge(held[key.command_id] or DONE + first.fingerprint, key))
        return claims

    def _enqueue(self, candidates: Sequence[_Candidate]) -> None:
        bodies = [body for body, _ in pack_commands(candidate.envelope for candidate in candidates)]
        if refusal := self._put(bodies):
            self._keys.free([candidate.key for candidate in candidates if candidate.key])
            COMMANDS_REFUSED.labels(refusal.code).inc(len(candidates))
            raise unavailable(refusal)
        self._bell.ring()

    def _put(self, bodies: Sequence[bytes]) -> Kind | None:
        """Why the queue has not got them, or not for certain; None when it has."""
        try:
            if not self._backlog.has_room(len(bodies)):
                return BACKLOG_FULL
        except StorageUnavailable:
            return QUEUE_UNAVAILABLE
        try:
            self._queue.put(bodies)
        except EffectUnknown:
            return ACCEPTANCE_UNKNOWN
        except StorageUnavailable:
            return QUEUE_UNAVAILABLE
        return None

    def _note(self, candidates: Sequence[_Candidate]) -> None:
        pipeline = self._memory.quick.pipeline(transaction=False)
        queued_at = now()
        for candidate in candidates:
            envelope = candidate.envelope
            accepted = Outcome(
                command_id=envelope.id,
                status=Outcome.ACCEPTED,
                stream=envelope.stream,
                subject=envelope.subject,
                command_type=envelope.type,
                stages=Stages(accepted_at=envelope.time, queued_at=queued_at),
            )
            self._board.note_accepted(pipeline, accepted)
            if candidate.key:
                self._keys.add_done(pipeline, candidate.key)
        pipeline.execute(raise_on_error=False)


def _candidate(caller: Caller, intent: Intent, trace: str) -> _Candidate:
    id_ = command_id(caller.subject, intent.key)
    envelope = Envelope(
        id=id_,
        type=intent.command.type,
        stream=fill_from(intent.command.stream, intent.message),
        time=now(),
        subject=caller.subject,
        roles=sorted(caller.roles),
        correlation_id=id_,
        traceparent=trace,
        data=intent.message.SerializeToString(),
        expected_version=intent.expected_version,
    )
    if not intent.key:
        return _Candidate(envelope, None)
    return _Candidate(
        envelope, Key(id_, fingerprint(intent.command, intent.message, intent.expected_version))
    )


def _answer(candidate: _Candidate, claim: Claim | Problem) -> Receipt | Problem:
    if isinstance(claim, Problem):
        return claim
    if claim is Claim.IN_FLIGHT:
        return Problem(KEY_IN_FLIGHT, KEY_IN_FLIGHT.meaning, headers={"Retry-After": str(RETRY_AFTER_S)})
    if claim is Claim.REUSED:
        return Problem(KEY_REUSED, KEY_REUSED.meaning)
    return Receipt(candidate.envelope.id, candidate.envelope.stream, replayed=claim is Claim.DONE)
