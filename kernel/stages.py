"""The stages of a command's life: machines whose clocks differ note them, and readers want them in order."""

from prism.envelope.v1.envelope_pb2 import CommitMessage, Outcome, Stages


def published_with(outcome: Outcome, message: CommitMessage) -> None:
    """Notes in an outcome what the message that brought it says of its commit."""
    if message.HasField("appended_at"):
        outcome.stages.appended_at.CopyFrom(message.appended_at)
    if message.HasField("published_at"):
        outcome.stages.published_at.CopyFrom(message.published_at)


def put_in_order(stages: Stages) -> None:
    """Lets no stage come before the one that it follows: such a one is given the other's time."""
    latest = (0, 0)
    # In the order of their numbers, which is that of the stages.
    for _, time in stages.ListFields():
        at = (time.seconds, time.nanos)
        if at < latest:
            time.seconds, time.nanos = latest
        else:
            latest = at
