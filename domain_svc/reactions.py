"""What follows from an event: the commands that the policies send for it, always the same ones."""

import uuid
from collections.abc import Iterator, Sequence

from kernel.clock import now
from kernel.contract import Contract, fill_from
from kernel.policy import Policy, Send
from kernel.tokens import POLICY_PREFIX
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Envelope

# Names the ids of commands that follow from events.
FOLLOWING = uuid.UUID("5f0f2c1e-8d0e-5f6b-9a3c-2f6a9b1d7c44")


class Reactions:
    """The id of a command that follows from an event derives from the event's, so that an event that
    comes again sends the same command again, which is then dropped; and so that it can be found."""

    def __init__(self, contract: Contract, policies: Sequence[Policy], events: EventReader) -> None:
        self._contract = contract
        self._policies = policies
        self._events = events

    def to(self, envelope: Envelope) -> Iterator[tuple[float, Envelope]]:
        """The commands that follow from an event, each after its delay in seconds.

        UnknownType for an event that no contract here knows, Poison for one that does not decode.
        """
        event = self._events.read(envelope)
        for policy in self._policies:
            for place, send in enumerate(policy.react(event)):
                yield send.delay_s, self._command(policy, place, send, envelope)

    def _command(self, policy: Policy, place: int, send: Send, cause: Envelope) -> Envelope:
        kind = self._contract.commands[send.command.DESCRIPTOR.full_name]
        return Envelope(
            id=str(uuid.uuid5(FOLLOWING, f"{cause.id}/{policy.name}/{place}")),
            type=kind.type,
            stream=fill_from(kind.stream, send.command),
            time=now(),
            subject=POLICY_PREFIX + policy.name,
            correlation_id=cause.correlation_id,
            causation_id=cause.id,
            traceparent=cause.traceparent,
            data=send.command.SerializeToString(),
        )
