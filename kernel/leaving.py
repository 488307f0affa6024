"""Leaving: what a replica does not know waits in its queue for a newer one, as in a rolling upgrade.

The message goes back with what is unknown of it, and with the time since when it is left: after
UNKNOWN_KEEP_S nobody newer seems to come, and it is a dead letter like any other.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError

from kernel.errors import UnknownType
from kernel.handler import DeadLetter, Left, Unsettled
from kernel.ports import MAX_BODY_BYTES, Message
from prism.envelope.v1.envelope_pb2 import CommandMessage, CommitEntry, CommitMessage, Envelope

logger = logging.getLogger(__name__)

# An upgrade that takes longer than this is none.
UNKNOWN_KEEP_S = 24 * 3600
# Of a type, in the log.
WARN_EVERY_S = 60.0
MAX_TYPES = 20

M = TypeVar("M", CommandMessage, CommitMessage)


def leave_commands(
    messages: Sequence[Message], unknown: Mapping[str, UnknownType]
) -> tuple[list[Left], list[tuple[Envelope, str]]]:
    """What is left of messages of the commands queue; and the commands that were left too long, each with
    the reason. `unknown` has the ids of those that are not known."""
    left: list[Left] = []
    expired: list[tuple[Envelope, str]] = []
    for message in _read(messages if unknown else (), CommandMessage):
        commands = [command for command in message.commands if command.id in unknown]
        if not commands:
            continue
        del message.commands[:]
        message.commands.extend(commands)
        errors = [unknown[command.id] for command in commands]
        if item := _left(message, errors):
            left.append(item)
        else:
            expired += [(command, _reason([error])) for command, error in zip(commands, errors, strict=True)]
    return left, expired


def leave_commits(
    messages: Sequence[Message], unknown: Mapping[tuple[str, int], UnknownType]
) -> list[Unsettled]:
    """What is left of messages of an events queue, dead letters of what was left too long. `unknown` has the
    stream and number of the commits that are not known as a whole."""
    found: list[Unsettled] = []
    for message in _read(messages if unknown else (), CommitMessage):
        entries = [entry for entry in message.commits if _place(entry) in unknown]
        if not entries:
            continue
        del message.commits[:]
        message.commits.extend(entries)
        errors = [unknown[_place(entry)] for entry in entries]
        if item := _left(message, errors):
            found.append(item)
        else:
            # Requeued, it is as new.
            message.ClearField("left_since")
            found.append(DeadLetter(message.SerializeToString(), _reason(errors)))
    return found


class UnknownTypes:
    """The types that a consumer met and did not know. Warns of each, but not at every meeting."""

    def __init__(self, name: str) -> None:
        self._name = name
        # By type, when it was warned of; the latest met last.
        self._warned: dict[str, float] = {}

    def note(self, types: Iterable[str]) -> None:
        """Keeps the latest, and warns of those that it has not warned of for a while."""
        for type_ in types:
            now = time.monotonic()
            warned = self._warned.pop(type_, None)
            if warned is None or now - warned >= WARN_EVERY_S:
                logger.warning("%s: left for a newer replica, for nobody here knows %s", self._name, type_)
                warned = now
            self._warned[type_] = warned
            if len(self._warned) > MAX_TYPES:
                del self._warned[next(iter(self._warned))]

    def latest(self) -> list[str]:
        """The types, the latest last, at most MAX_TYPES."""
        return list(self._warned)


def _read(messages: Sequence[Message], kind: type[M]) -> Iterator[M]:
    for message in messages:
        try:
            parsed = kind.FromString(message.body)
        except DecodeError:
            # Its handler has set it aside.
            continue
        yield parsed


def _place(entry: CommitEntry) -> tuple[str, int]:
    item = entry.commit if entry.HasField("commit") else entry.pointer
    return item.stream, item.number


def _left(message: CommandMessage | CommitMessage, errors: Sequence[UnknownType]) -> Left | None:
    """None for what was left long enough, or has no room for the time since when it is."""
    now = int(time.time())
    # A time to come is nobody's, or of a clock that is ahead.
    if not 0 < message.left_since.seconds <= now:
        message.left_since.FromSeconds(now)
    body = message.SerializeToString()
    if now - message.left_since.seconds >= UNKNOWN_KEEP_S or len(body) > MAX_BODY_BYTES:
        return None
    return Left(body, tuple(dict.fromkeys(error.type for error in errors)))


def _reason(errors: Sequence[UnknownType]) -> str:
    return "; ".join(dict.fromkeys(f"UnknownType: {error}" for error in errors))
