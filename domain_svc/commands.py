"""Handles messages of the commands queue: decide, append, publish; then they may be deleted.

The command message is the outbox: it goes only after its events are published. When a process dies
in between, the message comes back, its commands are found processed, and their commits are
published again.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from google.protobuf.message import DecodeError

from domain_svc.arrivals import Arrivals
from domain_svc.deciding import Decider, Draft
from domain_svc.streams import Streams
from domain_svc.telemetry import Decisions
from kernel.clock import now
from kernel.contract import aggregate_of
from kernel.errors import StorageUnavailable, UnknownType
from kernel.handler import DeadLetter, Unsettled
from kernel.leaving import leave_commands
from kernel.names import is_command_id, is_stream, is_type
from kernel.ports import EventStore, Message
from kernel.tokens import POLICY_PREFIX, is_subject
from prism.envelope.v1.envelope_pb2 import CommandMessage, Commit, Envelope, Outcome

logger = logging.getLogger(__name__)


class CommandHandler:
    """A kernel.consumer.Handler. One commit a stream for all its commands in the batch."""

    def __init__(
        self,
        store: EventStore,
        streams: Streams,
        decider: Decider,
        publish: Callable[[Sequence[Commit]], None],
        announce: Callable[[Sequence[Outcome]], None],
    ) -> None:
        self._store = store
        self._streams = streams
        self._decider = decider
        self._publish = publish
        # Tells who waits that a command failed; what is decided, the projector announces.
        self._announce = announce
        self._decisions = Decisions()

    def __call__(self, messages: Sequence[Message]) -> list[Unsettled]:
        """Decides on all commands of the messages that are known here; publishes what they led to."""
        self._decisions.begin()
        by_stream: dict[str, list[Envelope]] = {}
        unsettled: list[Unsettled] = []
        unknown: dict[str, UnknownType] = {}
        arrivals = Arrivals(now())
        for message in messages:
            try:
                commands = CommandMessage.FromString(message.body).commands
            except DecodeError:
                unsettled.append(DeadLetter(message.body, "the body does not decode as a CommandMessage"))
                continue
            if not commands:
                unsettled.append(DeadLetter(message.body, "the message carries no command"))
            arrivals.add(message, commands)
            for command in commands:
                if flaw := flaw_of(command):
                    unsettled.append(dead_command(command, flaw))
                else:
                    by_stream.setdefault(command.stream, []).append(command)
        try:
            commits, failed = self._process(by_stream, arrivals, unknown)
        except Exception:
            # What was appended is in the store and perhaps not in the cache, or the reverse.
            for stream in by_stream:
                self._streams.forget(stream)
            raise
        finally:
            self._decisions.tell()
        if commits:
            self._publish(commits)
        left, expired = leave_commands(messages, unknown)
        return [*unsettled, *left, *self._fail(failed + expired, arrivals)]

    def _process(
        self, by_stream: dict[str, list[Envelope]], arrivals: Arrivals, unknown: dict[str, UnknownType]
    ) -> tuple[list[Commit], list[tuple[Envelope, str]]]:
        commits: list[Commit] = []
        failed: list[tuple[Envelope, str]] = []
        self._streams.begin_batch()
        while by_stream:
            drafts = list(self._drafts(by_stream, arrivals, failed, unknown))
            new = [draft for draft in drafts if draft.commit.outcomes]
            appended = self._store.append([draft.commit for draft in new]) if new else []
            conflicts: dict[str, list[Envelope]] = {}
            for draft, landed in zip(new, appended, strict=True):
                if landed:
                    self._streams.follow(draft.stream, draft.commit, draft.state)
                    commits.append(draft.commit)
                    self._decisions.landed(draft.decided)
                else:
                    # Someone else appended first: load what they did, and decide again.
                    self._streams.forget(draft.stream.name)
                    self._decisions.conflicted()
                    conflicts[draft.stream.name] = by_stream[draft.stream.name]
            for draft in drafts:
                if draft.stream.name not in conflicts:
                    commits.extend(self._repeated(draft))
                    failed.extend(draft.failed)
                    unknown.update(draft.unknown)
            by_stream = conflicts
        return commits, failed

    def _drafts(
        self,
        by_stream: dict[str, list[Envelope]],
        arrivals: Arrivals,
        failed: list[tuple[Envelope, str]],
        unknown: dict[str, UnknownType],
    ) -> Iterator[Draft]:
        for name, commands in by_stream.items():
            aggregate = self._streams.aggregates.get(aggregate_of(name))
            if aggregate is None:
                reason = f"no aggregate here has the stream {name!r}"
                unknown.update((command.id, UnknownType(command.type, reason)) for command in commands)
                continue
            try:
                draft = self._decider.draft(aggregate, self._streams.load(name), commands, arrivals)
            except UnknownType as error:
                # A newer replica went on with it.
                unknown.update((command.id, error) for command in commands)
            except StorageUnavailable:
                raise
            except Exception as error:  # a stream that cannot be read must not keep the others
                logger.exception("stream %r could not be loaded", name)
                failed.extend((command, f"{type(error).__name__}: {error}") for command in commands)
            else:
                yield draft

    def _repeated(self, draft: Draft) -> Iterable[Commit]:
        for number in sorted(draft.repeated):
            if commit := self._streams.at_commit(draft.stream.name, number):
                yield commit

    def _fail(self, failed: Sequence[tuple[Envelope, str]], arrivals: Arrivals) -> list[DeadLetter]:
        if failed:
            self._decisions.failed([command for command, _ in failed])
            self._decisions.tell()
            self._announce([_failure(command, arrivals) for command, _ in failed])
        return [dead_command(command, reason) for command, reason in failed]


def flaw_of(command: Envelope) -> str:
    """What is wrong with an envelope that no edge or policy can have made; empty for one of theirs.

    One without an id would be taken for a repeat of any other, one without a sender would own things
    that are then anyone's.
    """
    if not is_command_id(command.id):
        return "the command has no id that is one"
    if not is_type(command.type):
        return "the command has no type that is one"
    if not is_stream(command.stream):
        return "the command names no stream"
    if not is_subject(command.subject.removeprefix(POLICY_PREFIX)):
        return "the command has no sender"
    return ""


def dead_command(command: Envelope, reason: str) -> DeadLetter:
    """The dead letter of one command of a message, whose other commands go on."""
    return DeadLetter(CommandMessage(commands=[command]).SerializeToString(), reason)


def _failure(command: Envelope, arrivals: Arrivals) -> Outcome:
    outcome = Outcome(
        command_id=command.id,
        status=Outcome.FAILED,
        stream=command.stream,
        code="COMMAND_FAILED",
        detail="the command could not be decided; operators have been told",
        subject=command.subject,
        command_type=command.type,
        causation_id=command.causation_id,
        traceparent=command.traceparent,
    )
    arrivals.note(outcome.stages, command)
    return outcome
