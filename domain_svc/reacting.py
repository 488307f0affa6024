"""Handles messages of the policies' queue: events in, commands out."""

import logging
import time
from collections.abc import Callable, Sequence

from domain_svc.reactions import Reactions
from domain_svc.telemetry import tell_sent
from kernel.commits import CommitReader, dead_commit
from kernel.contract import Contract
from kernel.errors import UnknownType
from kernel.handler import Unsettled
from kernel.leaving import leave_commits
from kernel.packing import check_fits, pack_commands
from kernel.policy import Policy
from kernel.ports import Message, Queue
from kernel.telemetry import tracing
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Envelope

logger = logging.getLogger(__name__)


class PolicyHandler:
    """A kernel.consumer.Handler. Sends what follows from events."""

    def __init__(
        self,
        contract: Contract,
        policies: Sequence[Policy],
        events: EventReader,
        commits: CommitReader,
        commands: Queue,
        later: Queue,
        ring: Callable[[], None],
    ) -> None:
        self._reactions = Reactions(contract, policies, events)
        self._commits = commits
        self._commands = commands
        self._later = later
        self._ring = ring

    def __call__(self, messages: Sequence[Message]) -> list[Unsettled]:
        """Sends the commands that follow from the messages' events; leaves commits with events that are not
        known here as a whole."""
        began_ns = time.time_ns()
        commits, dead, _ = self._commits.read(messages)
        unknown: dict[tuple[str, int], UnknownType] = {}
        by_delay: dict[float, list[Envelope]] = {}
        for commit in commits:
            try:
                following = [item for envelope in commit.events for item in self._reactions.to(envelope)]
                for _, command in following:
                    check_fits(command)
            except UnknownType as error:
                unknown[commit.stream, commit.number] = error
            except Exception as error:  # a commit that nobody can react to must not keep its neighbours
                logger.exception("nobody can react to commit %d of %s", commit.number, commit.stream)
                dead.append(dead_commit(commit, error))
            else:
                for delay_s, command in following:
                    command.traceparent = tracing.child(command.traceparent)
                    by_delay.setdefault(delay_s, []).append(command)
        for delay_s, commands in by_delay.items():
            queue = self._later if delay_s else self._commands
            queue.put([body for body, _ in pack_commands(commands)], delay_s)
            tell_sent(commands, commits, began_ns)
        if 0 in by_delay:
            self._ring()
        return [*dead, *leave_commits(messages, unknown)]
