"""Deciding: commands of one stream in, one commit out. Pure but for the streams it is given."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from domain_svc.arrivals import Arrivals
from domain_svc.streams import Stream
from domain_svc.telemetry import Decided
from kernel.aggregate import About, Aggregate
from kernel.contract import Contract, fill_from
from kernel.errors import Poison, Rejected, StorageUnavailable, UnknownType
from kernel.telemetry import tracing
from kernel.validation import told, violations_of, warm
from prism.envelope.v1.envelope_pb2 import Commit, Envelope, Outcome

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Draft:
    """What became of a stream's commands: a commit to append, and what needs none."""

    stream: Stream
    # The state after the commit.
    state: Any
    commit: Commit
    arrivals: Arrivals
    # When all of it is decided.
    time: Timestamp
    # Each command that the commit decides.
    decided: list[Decided] = field(default_factory=list)
    # Numbers of older commits that decided some of the commands: those are repeats.
    repeated: set[int] = field(default_factory=set)
    # Commands that nobody can decide, each with the reason.
    failed: list[tuple[Envelope, str]] = field(default_factory=list)
    # By id, commands that a newer replica may know how to decide.
    unknown: dict[str, UnknownType] = field(default_factory=dict)


class Decider:
    """Decides on commands by the aggregates' rules."""

    def __init__(
        self, contract: Contract, load_current: Callable[[str], Stream], clock: Callable[[], Timestamp]
    ) -> None:
        self._commands = contract.commands
        for kind in self._commands.values():
            warm(kind.message())
        self._load_current = load_current
        self._clock = clock

    def draft(
        self, aggregate: Aggregate[Any], stream: Stream, commands: Sequence[Envelope], arrivals: Arrivals
    ) -> Draft:
        """Decides on the commands in order, each on the state that the one before left.

        StorageUnavailable when another stream that a decision reads cannot be loaded.
        """
        commit = Commit(stream=stream.name, number=stream.number + 1, version=stream.version)
        draft = Draft(stream, stream.state, commit, arrivals, self._clock())
        answered: set[str] = set()
        for command in commands:
            if number := stream.decided_in(command.id):
                draft.repeated.add(number)
            elif command.id not in answered:
                answered.add(command.id)
                self._decide(aggregate, draft, command)
        return draft

    def _decide(self, aggregate: Aggregate[Any], draft: Draft, command: Envelope) -> None:
        try:
            events = self._events(aggregate, draft, command)
            state = draft.state
            for event in events:
                state = aggregate.evolve(state, event)
        except Rejected as rejection:
            self._reject(draft, command, rejection)
        except UnknownType as error:
            draft.unknown[command.id] = error
        except StorageUnavailable:
            raise
        except Exception as error:  # a defect of one command must not keep its neighbours
            logger.exception("command %s (%s) could not be decided", command.id, command.type)
            draft.failed.append((command, f"{type(error).__name__}: {error}"))
        else:
            draft.state = state
            self._apply(draft, command, events)

    def _events(self, aggregate: Aggregate[Any], draft: Draft, command: Envelope) -> list[Message]:
        version = draft.commit.version
        if command.HasField("expected_version") and command.expected_version != version:
            raise Rejected("VERSION_MISMATCH", f"the stream is at version {version}")
        message = self._parse(command)
        others = {name: self._load_current(name).state for name in aggregate.reads(draft.state, message)}
        about = About(command.subject, frozenset(command.roles), draft.time, others)
        return aggregate.decide(draft.state, message, about)

    def _parse(self, command: Envelope) -> Message:
        known = self._commands.get(command.type)
        if known is None:
            raise UnknownType(command.type, f"no contract here knows the command type {command.type!r}")
        try:
            message = known.message.FromString(command.data)
        except DecodeError:
            raise Poison(f"the command does not decode as {command.type}") from None
        # The edge has checked both. Whoever else reaches the queue must not get past them.
        if (stream := fill_from(known.stream, message)) != command.stream:
            raise Poison(f"the command is one of stream {stream!r}, and was sent to {command.stream!r}")
        if violations := violations_of(message):
            raise Poison(f"the command breaks its contract: {told(violations)}")
        return message

    def _apply(self, draft: Draft, command: Envelope, events: Sequence[Message]) -> None:
        commit, time = draft.commit, draft.time
        stream, version = commit.stream, commit.version
        command_id, subject = command.id, command.subject
        traceparent = tracing.child(command.traceparent)
        outcome = commit.outcomes.add(
            command_id=command_id,
            status=Outcome.APPLIED,
            stream=stream,
            subject=subject,
            command_type=command.type,
            causation_id=command.causation_id,
            traceparent=traceparent,
        )
        added = []
        for event in events:
            version += 1
            event_id = f"{stream}:{version}"
            envelope = commit.events.add(
                id=event_id,
                type=event.DESCRIPTOR.full_name,
                stream=stream,
                version=version,
                time=time,
                subject=subject,
                correlation_id=command.correlation_id,
                causation_id=command_id,
                traceparent=traceparent,
                data=event.SerializeToString(),
            )
            added.append(envelope)
            outcome.events.add(event_id=event_id, type=event.DESCRIPTOR.name)
        commit.version = outcome.version = version
        _note_stages(draft, outcome, command)
        draft.decided.append((command, outcome, added))

    def _reject(self, draft: Draft, command: Envelope, rejection: Rejected) -> None:
        outcome = draft.commit.outcomes.add(
            command_id=command.id,
            status=Outcome.REJECTED,
            stream=draft.commit.stream,
            version=draft.commit.version,
            code=rejection.code,
            detail=rejection.detail,
            subject=command.subject,
            command_type=command.type,
            causation_id=command.causation_id,
            traceparent=tracing.child(command.traceparent),
        )
        _note_stages(draft, outcome, command)
        draft.decided.append((command, outcome, ()))


def _note_stages(draft: Draft, outcome: Outcome, command: Envelope) -> None:
    stages = outcome.stages
    draft.arrivals.note(stages, command)
    stages.decided_at.CopyFrom(draft.time)
