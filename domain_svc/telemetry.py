"""What domain_svc tells of itself: of every command that it decides, every event that it appends, and
every command that a policy sends, a log line and a span; and the metrics.

Everything is told a batch at a time, after the storage has it: that costs a few microseconds a command.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from kernel import contract
from kernel.queues import COMMANDS
from kernel.telemetry import tracing
from kernel.telemetry.log import Fields, each
from kernel.telemetry.metrics import (
    APPEND_CONFLICTS,
    COMMANDS_DECIDED,
    DECISION_SECONDS,
    EVENTS_APPENDED,
    bound,
)
from kernel.telemetry.trace_context import trace_id_of
from prism.envelope.v1.envelope_pb2 import Commit, Envelope, Outcome

logger = logging.getLogger(__name__)

_decided = bound(COMMANDS_DECIDED)
_appended = bound(EVENTS_APPENDED)
_STATUS = {number: name for name, number in Outcome.Status.items()}
FAILED = "FAILED"
# Foreign messages may name any type.
NAMES = 1024

# A command, its outcome, and the events that it led to.
Decided = tuple[Envelope, Outcome, Sequence[Envelope]]


class Decisions:
    """What became of a batch of commands. For one thread."""

    def __init__(self) -> None:
        self._began_ns = 0
        self._landed: list[Decided] = []
        self._failed: list[Envelope] = []

    def begin(self) -> None:
        """A batch begins."""
        self._began_ns = time.time_ns()

    def landed(self, decided: Sequence[Decided]) -> None:
        """A commit that decides these is in the store."""
        self._landed += decided

    def conflicted(self) -> None:
        """Another writer's commit took the place."""
        APPEND_CONFLICTS.inc()

    def failed(self, commands: Sequence[Envelope]) -> None:
        """Nobody could decide these."""
        self._failed.extend(commands)

    def tell(self) -> None:
        """Tells of what happened since `begin`, once."""
        landed, self._landed = self._landed, []
        failed, self._failed = self._failed, []
        if not landed and not failed:
            return
        now_ns = time.time_ns()
        self._tell_landed(landed, now_ns)
        if failed:
            self._tell_failed(failed)
        if tracing.spans() is not None:
            self._record(landed, failed, now_ns)

    def _tell_landed(self, landed: Sequence[Decided], now_ns: int) -> None:
        # Each field is read once, for reading is most of what this costs.
        logs, now_s = logger.isEnabledFor(logging.INFO), now_ns / 1e9
        statuses: Counter[tuple[str, Outcome.Status]] = Counter()
        types: Counter[str] = Counter()
        seconds: list[float] = []
        decisions: list[Fields] = []
        appended: list[Fields] = []
        for command, outcome, events in landed:
            type_, status, at = command.type, outcome.status, command.time
            statuses[type_, status] += 1
            # Clocks of two machines may differ: never less than nothing.
            seconds.append(max(0.0, now_s - at.seconds - at.nanos / 1e9))
            if logs:
                id_, stream, trace_id = command.id, command.stream, command.traceparent[3:35]
                decisions.append(_decision(id_, stream, trace_id, type_, status, outcome))
            for event in events:
                event_type = event.type
                types[event_type] += 1
                if logs:
                    appended.append(_event(id_, stream, trace_id, event_type, event))
        for (type_, state), number in statuses.items():
            _decided(_label(type_), _STATUS[state]).inc(number)
        for type_, number in types.items():
            _appended(short(type_)).inc(number)
        DECISION_SECONDS.observe_all(seconds)
        if decisions:
            logger.info("decided", extra=each(decisions))
        if appended:
            logger.info("appended", extra=each(appended))

    def _tell_failed(self, failed: Sequence[Envelope]) -> None:
        for type_, number in Counter(command.type for command in failed).items():
            _decided(_label(type_), FAILED).inc(number)
        if logger.isEnabledFor(logging.INFO):
            logger.info("failed", extra=each([_failure(command) for command in failed]))

    def _record(
        self,
        landed: Sequence[Decided],
        failed: Sequence[Envelope],
        now_ns: int,
    ) -> None:
        for command, outcome, _ in landed:
            attributes = _attributes(command) | {
                "prism.status": _STATUS[outcome.status],
                "prism.version": outcome.version,
            }
            if outcome.code:
                attributes["prism.code"] = outcome.code
            parent = command.traceparent
            name = f"decide {short(command.type)}"
            tracing.record("CONSUMER", name, outcome.traceparent, parent, self._began_ns, now_ns, attributes)
        for command in failed:
            parent, attributes = command.traceparent, _attributes(command) | {"prism.status": FAILED}
            name = f"decide {short(command.type)}"
            tracing.record(
                "CONSUMER", name, tracing.child(parent), parent, self._began_ns, now_ns, attributes, FAILED
            )


def tell_sent(commands: Sequence[Envelope], commits: Sequence[Commit], began_ns: int) -> None:
    """Tells of commands that follow from events of these commits and are durably queued."""
    if logger.isEnabledFor(logging.INFO):
        logger.info("sent", extra=each([_sending(command) for command in commands]))
    if tracing.spans() is None:
        return
    contexts = {event.id: event.traceparent for commit in commits for event in commit.events}
    now_ns = time.time_ns()
    for command in commands:
        parent = contexts[command.causation_id]
        attributes = _attributes(command) | {
            "messaging.operation.type": "send",
            "prism.event_id": command.causation_id,
        }
        name = f"send {short(command.type)}"
        tracing.record("PRODUCER", name, command.traceparent, parent, began_ns, now_ns, attributes)


@lru_cache(NAMES)
def short(type_: str) -> str:
    """The short name of a message."""
    return type_.rpartition(".")[2]


def _label(type_: str) -> str:
    """A command's type; one that no contract knows is no label's value."""
    return short(type_) if type_ in contract.load().commands else "unknown"


def _decision(
    id_: str, stream: str, trace_id: str, type_: str, status: "Outcome.Status", outcome: Outcome
) -> Fields:
    line: Fields = {
        "command_id": id_,
        "stream": stream,
        "status": _STATUS[status],
        "type": short(type_),
        "version": outcome.version,
        "trace_id": trace_id,
    }
    if status == Outcome.REJECTED:
        line["code"] = outcome.code
    return line


def _failure(command: Envelope) -> Fields:
    return {
        "command_id": command.id,
        "stream": command.stream,
        "status": FAILED,
        "type": short(command.type),
        "trace_id": trace_id_of(command.traceparent),
    }


def _event(id_: str, stream: str, trace_id: str, type_: str, event: Envelope) -> Fields:
    return {
        "event_id": event.id,
        "command_id": id_,
        "stream": stream,
        "type": short(type_),
        "trace_id": trace_id,
    }


def _sending(command: Envelope) -> Fields:
    return {
        "event_id": command.causation_id,
        "command_id": command.id,
        "stream": command.stream,
        "type": short(command.type),
        "policy": command.subject,
        "trace_id": trace_id_of(command.traceparent),
    }


def _attributes(command: Envelope) -> dict[str, str | int]:
    return {
        "messaging.system": "prism",
        "messaging.destination.name": COMMANDS,
        "messaging.operation.type": "process",
        "messaging.message.id": command.id,
        "prism.command_id": command.id,
        "prism.stream": command.stream,
        "prism.type": short(command.type),
    }
