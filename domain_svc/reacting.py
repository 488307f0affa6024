"""Handles messages of the policies' queue: events in, commands out."""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence

from kernel.commits import CommitReader, dead_commit
from kernel.contract import Contract, fill_from
from kernel.errors import UnknownType
from kernel.handler import Unsettled
from kernel.leaving import leave_commits
from kernel.packing import check_fits, pack_commands
from kernel.policy import Policy, Send
from kernel.ports import Message, Queue
from kernel.tokens import POLICY_PREFIX
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Envelope

logger = logging.getLogger(__name__)

# Names the ids of commands that follow from events.
FOLLOWING = uuid.UUID("5f0f2c1e-8d0e-5f6b-9a3c-2f6a9b1d7c44")


class PolicyHandler:
    """A kernel.consumer.Handler. The id of a command that follows from an event derives from the
    event's, so that an event that comes again sends the same command again, which is then dropped."""

    def __init__(
        self,
        contract: Contract,
        policies: Sequence[Policy],
        events: EventReader,
        commits: CommitReader,
        commands: Queue,
        ring: Callable[[], None],
    ) -> None:
        self._contract = contract
        self._policies = policies
        self._events = events
        self._commits = commits
        self._commands = commands
        self._ring = ring

    def __call__(self, messages: Sequence[Message]) -> list[Unsettled]:
        """Sends the commands that follow from the messages' events; leaves commits with events that are not
        known here as a whole."""
        commits, dead = self._commits.read(messages)
        unknown: dict[tuple[str, int], UnknownType] = {}
        by_delay: dict[float, list[Envelope]] = {}
        for commit in commits:
            try:
                following = [item for envelope in commit.events for item in self._react(envelope)]
                for _, command in following:
                    check_fits(command)
            except UnknownType as error:
                unknown[commit.stream, commit.number] = error
            except Exception as error:  # a commit that nobody can react to must not keep its neighbours
                logger.exception("nobody can react to commit %d of %s", commit.number, commit.stream)
                dead.append(dead_commit(commit, error))
            else:
                for delay_s, command in following:
                    by_delay.setdefault(delay_s, []).append(command)
        for delay_s, commands in by_delay.items():
            self._commands.put([body for body, _ in pack_commands(commands)], delay_s)
        if by_delay:
            self._ring()
        return [*dead, *leave_commits(messages, unknown)]

    def _react(self, envelope: Envelope) -> Iterable[tuple[float, Envelope]]:
        event = self._events.read(envelope)
        for policy in self._policies:
            for place, send in enumerate(policy.react(event)):
                yield send.delay_s, self._command(policy, place, send, envelope)

    def _command(self, policy: Policy, place: int, send: Send, cause: Envelope) -> Envelope:
        kind = self._contract.commands[send.command.DESCRIPTOR.full_name]
        command = Envelope(
            id=str(uuid.uuid5(FOLLOWING, f"{cause.id}/{policy.name}/{place}")),
            type=kind.type,
            stream=fill_from(kind.stream, send.command),
            subject=POLICY_PREFIX + policy.name,
            correlation_id=cause.correlation_id,
            causation_id=cause.id,
            traceparent=cause.traceparent,
            data=send.command.SerializeToString(),
        )
        command.time.FromNanoseconds(time.time_ns())
        return command
