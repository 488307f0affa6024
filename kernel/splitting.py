"""Splitting a message into what it carries: so that what nobody can handle takes nothing else along."""

from google.protobuf.message import DecodeError

from kernel.queues import COMMANDS
from prism.envelope.v1.envelope_pb2 import CommandMessage, CommitMessage, Envelope


def parts(queue: str, body: bytes) -> list[bytes]:
    """The message as several: one a stream for commands, which keep their order, and one a commit.

    The message itself where there is nothing to split, or it does not decode.
    """
    try:
        found = _commands(body) if queue == COMMANDS else _commits(body)
    except DecodeError:
        return [body]
    return found if len(found) > 1 else [body]


def _commands(body: bytes) -> list[bytes]:
    by_stream: dict[str, list[Envelope]] = {}
    for command in CommandMessage.FromString(body).commands:
        by_stream.setdefault(command.stream, []).append(command)
    return [CommandMessage(commands=commands).SerializeToString() for commands in by_stream.values()]


def _commits(body: bytes) -> list[bytes]:
    message = CommitMessage.FromString(body)
    entries = list(message.commits)
    found = []
    for entry in entries:
        del message.commits[:]
        message.commits.append(entry)
        found.append(message.SerializeToString())
    return found
