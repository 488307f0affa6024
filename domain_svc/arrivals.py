"""When the commands of a batch came: the stages of their lives before the decision."""

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp

from kernel.ports import Message
from prism.envelope.v1.envelope_pb2 import Envelope, Stages


class Arrivals:
    """The times of one batch, by command. Asked for each command, so: cheap."""

    def __init__(self, received_at: Timestamp) -> None:
        self._received = Stages(received_at=received_at)
        # By command, in seconds and nanoseconds.
        self._put_at: dict[str, tuple[int, int]] = {}

    def add(self, message: Message, commands: Iterable[Envelope]) -> None:
        """Notes the commands that a message brought."""
        put_at = divmod(int(message.put_at * 1e9), 10**9)
        for command in commands:
            self._put_at[command.id] = put_at

    def note(self, stages: Stages, command: Envelope) -> None:
        """Writes when a command was accepted, queued and received, and nothing else."""
        # CopyFrom: MergeFrom takes twice as long.
        stages.CopyFrom(self._received)
        accepted_at, queued_at = command.time, stages.queued_at
        accepted = (accepted_at.seconds, accepted_at.nanos)
        # A queue that counts in whole seconds says an earlier one.
        queued_at.seconds, queued_at.nanos = max(accepted, self._put_at[command.id])
        if accepted != (0, 0):
            stages.accepted_at.CopyFrom(accepted_at)
