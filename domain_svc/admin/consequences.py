"""What became of a command, and what followed from it: found in the streams and in Redis."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from domain_svc.lookup import Lookup, outcome_in
from domain_svc.reactions import Reactions
from kernel.errors import Poison, UnknownType
from kernel.outcomes import OutcomeBoard
from kernel.redis import RedisUnavailable
from kernel.stages import put_in_order
from prism.envelope.v1.envelope_pb2 import Envelope, Outcome

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Traced:
    """A command with its outcome, the latest that is known, and its events."""

    outcome: Outcome
    events: Sequence[Envelope]
    # The id of the event that a policy sent it for; empty for a command that is nobody's consequence.
    cause: str = ""


class Memory:
    """What Redis remembers of commands, for one answer: once it is out of reach it is asked no more."""

    def __init__(self, board: OutcomeBoard) -> None:
        self._board = board
        self.reached = True

    def get(self, command_id: str) -> Outcome | None:
        """The latest that it knows of a command."""
        if not self.reached:
            return None
        try:
            return self._board.get(command_id)
        except RedisUnavailable as error:
            logger.warning("Redis is out of reach: %s", error)
            self.reached = False
            return None


class Consequences:
    """Follows commands to their events, and these to the commands that policies sent for them."""

    def __init__(self, lookup: Lookup, reactions: Reactions) -> None:
        self._lookup = lookup
        self._reactions = reactions

    def find(self, stream: str, command_id: str, memory: Memory, wanted: Callable[[], bool]) -> Traced | None:
        """A command of a stream; None for one that neither Redis nor the stream knows.

        The stream knows the decision for ever; for a while Redis knows what came after it, too. A name
        of no stream is taken for that of the stream that Redis names.
        """
        told = memory.get(command_id)
        if told and stream and told.stream != stream:
            told = None
        if not stream:
            if told is None:
                return None
            stream = told.stream
        commit = self._lookup.commit(stream, command_id, wanted)
        stored = outcome_in(commit, command_id) if commit else None
        outcome = stored if stored and not (told and told.status == stored.status) else told
        if outcome is None:
            return None
        put_in_order(outcome.stages)
        events = [event for event in commit.events if event.causation_id == command_id] if commit else []
        return Traced(outcome, events)

    def follow(self, first: Traced, memory: Memory, wanted: Callable[[], bool]) -> Iterator[Traced]:
        """A command and what followed, each after its cause, the nearest first.

        Each costs a look at its stream and at Redis, when it is asked for.
        """
        yield first
        waiting = deque(self._sent_for(first))
        while waiting and wanted():
            command, cause = waiting.popleft()
            known = self.find(command.stream, command.id, memory, wanted)
            traced = Traced(known.outcome, known.events, cause) if known else _undecided(command, cause)
            yield traced
            waiting.extend(self._sent_for(traced))

    def _sent_for(self, traced: Traced) -> Iterator[tuple[Envelope, str]]:
        """The commands that policies send for a command's events, each with the event's id."""
        for event in traced.events:
            try:
                for _, command in self._reactions.to(event):
                    yield command, event.id
            except (Poison, UnknownType) as error:
                logger.warning("what followed from %s is not known: %s", event.id, error)


def _undecided(command: Envelope, cause: str) -> Traced:
    """A command that a policy sent, or is about to: it waits in its queue, perhaps by intention."""
    outcome = Outcome(
        command_id=command.id,
        status=Outcome.ACCEPTED,
        stream=command.stream,
        subject=command.subject,
        command_type=command.type,
        causation_id=command.causation_id,
        traceparent=command.traceparent,
    )
    return Traced(outcome, [], cause)
