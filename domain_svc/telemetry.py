"""What domain_svc tells of itself: of every command that it decides, every event that it appends, and
every command that a policy sends, a log line and a span; and the metrics.

Everything is told a batch at a time, after the storage has it: that costs a few microseconds a command.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence

from kernel import contract, tracing
from kernel.log import Fields, each
from kernel.metrics import APPEND_CONFLICTS, COMMANDS_DECIDED, DECISION_SECONDS, EVENTS_APPENDED, bound
from kernel.queues import COMMANDS
from kernel.trace_context import trace_id_of
from prism.envelope.v1.envelope_pb2 import Commit, Envelope, Outcome

logger = logging.getLogger(__name__)

_decided = bound(COMMANDS_DECIDED)
_appended = bound(EVENTS_APPENDED)
_STATUS = {number: name for name, number in Outcome.Status.items()}
FAILED = "FAILED"


class Decisions:
    """What became of a batch of commands. For one thread."""

    def __init__(self) -> None:
        self._began_ns = 0
        self._landed: list[tuple[Commit, Sequence[Envelope]]] = []
        self._failed: list[Envelope] = []

    def begin(self) -> None:
        """A batch begins."""
        self._began_ns = time.time_ns()

    def landed(self, commit: Commit, commands: Sequence[Envelope]) -> None:
        """A commit is in the store; it decides some of these commands."""
        self._landed.append((commit, commands))

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
        decided: list[tuple[Envelope, Outcome]] = []
        for commit, commands in landed:
            by_id = {command.id: command for command in commands}
            decided += [(by_id[outcome.command_id], outcome) for outcome in commit.outcomes]
        _count(decided, failed, landed, now_ns)
        if tracing.spans() is not None:
            self._record(decided, failed, now_ns)
        if logger.isEnabledFor(logging.INFO):
            logger.info("decided", extra=each([_decision(*pair) for pair in decided]))
            events = [_event(event) for commit, _ in landed for event in commit.events]
            if events:
                logger.info("appended", extra=each(events))
            if failed:
                logger.info("failed", extra=each([_failure(command) for command in failed]))

    def _record(
        self, decided: Sequence[tuple[Envelope, Outcome]], failed: Sequence[Envelope], now_ns: int
    ) -> None:
        for command, outcome in decided:
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


def short(type_: str) -> str:
    """The short name of a message."""
    return type_.rpartition(".")[2]


def _count(
    decided: Sequence[tuple[Envelope, Outcome]],
    failed: Sequence[Envelope],
    landed: Sequence[tuple[Commit, Sequence[Envelope]]],
    now_ns: int,
) -> None:
    now_s = now_ns / 1e9
    statuses = Counter((command.type, outcome.status) for command, outcome in decided)
    for (type_, status), number in statuses.items():
        _decided(_label(type_), _STATUS[status]).inc(number)
    for type_, number in Counter(command.type for command in failed).items():
        _decided(_label(type_), FAILED).inc(number)
    # Clocks of two machines may differ: never less than nothing.
    times = (command.time for command, _ in decided)
    DECISION_SECONDS.observe_all([max(0.0, now_s - at.seconds - at.nanos / 1e9) for at in times])
    events = Counter(event.type for commit, _ in landed for event in commit.events)
    for type_, number in events.items():
        _appended(short(type_)).inc(number)


def _label(type_: str) -> str:
    """A command's type; one that no contract knows is no label's value."""
    return short(type_) if type_ in contract.load().commands else "unknown"


def _decision(command: Envelope, outcome: Outcome) -> Fields:
    line: Fields = {
        "command_id": command.id,
        "stream": outcome.stream,
        "status": _STATUS[outcome.status],
        "type": short(command.type),
        "version": outcome.version,
        "trace_id": trace_id_of(command.traceparent),
    }
    if outcome.code:
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


def _event(event: Envelope) -> Fields:
    return {
        "event_id": event.id,
        "command_id": event.causation_id,
        "stream": event.stream,
        "type": short(event.type),
        "trace_id": trace_id_of(event.traceparent),
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
