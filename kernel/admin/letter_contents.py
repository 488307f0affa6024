"""What dead letters carry: named in a list, or opened one by one."""

from collections.abc import Callable, Iterator

from google.protobuf.message import DecodeError

from kernel.admin.decoded import decoded
from kernel.contract import Contract
from kernel.ports import EventStore
from kernel.queues import COMMANDS, COMMANDS_LATER
from prism.admin.v1.admin_pb2 import DeadLetterItem, DeadLetterSummary
from prism.admin.v1.decoded_pb2 import Decoded
from prism.envelope.v1.envelope_pb2 import (
    CommandMessage,
    Commit,
    CommitMessage,
    CommitPointer,
    DeadLetter,
    Envelope,
)

# Of one letter, opened: a client takes answers of up to 4 MiB.
MAX_OPENED_BYTES = 2 * 1024 * 1024
# A command or an event; or an envelope that names a stream alone, and why there is no more.
Item = tuple[Envelope, str]


def summary(id_: str, letter: DeadLetter) -> DeadLetterSummary:
    """A letter in a list. A commit without events, or too large for a message, is named by its stream."""
    return DeadLetterSummary(
        id=id_,
        queue=letter.queue,
        time=letter.time,
        reason=letter.reason,
        deliveries=letter.deliveries,
        items=[
            DeadLetterItem(id=envelope.id, type=envelope.type, stream=envelope.stream)
            for envelope, _ in _items(letter, lambda pointer: None)
        ],
    )


def opened(letter: DeadLetter, contract: Contract, events: EventStore | None) -> list[Decoded]:
    """All that a letter carries, decoded as far as it can be; a commit too large for a message is read from
    the event store. What goes beyond MAX_OPENED_BYTES comes without its content.

    StorageUnavailable when a commit cannot be read now.
    """
    found: list[Decoded] = []
    room = MAX_OPENED_BYTES

    def follow(pointer: CommitPointer) -> Commit | None:
        if not events or not pointer.number or room <= 0:
            return None
        commits = events.read(pointer.stream, after=pointer.number - 1, limit=1)
        return commits[0] if commits and commits[0].number == pointer.number else None

    for envelope, problem in _items(letter, follow):
        item = Decoded(envelope=envelope, problem=problem) if problem else decoded(envelope, contract)
        room -= item.ByteSize()
        if room < 0:
            item.envelope.ClearField("data")
            item.json, item.problem = "", "not shown here: the letter carries too much"
        found.append(item)
    return found


def _items(letter: DeadLetter, follow: Callable[[CommitPointer], Commit | None]) -> Iterator[Item]:
    """None for a body that is no message of ours."""
    try:
        if letter.queue in (COMMANDS, COMMANDS_LATER):
            for command in CommandMessage.FromString(letter.body).commands:
                yield command, ""
            return
        entries = CommitMessage.FromString(letter.body).commits
    except DecodeError:
        return
    for entry in entries:
        if entry.HasField("commit"):
            yield from _events(entry.commit)
        elif commit := follow(entry.pointer):
            yield from _events(commit)
        else:
            problem = f"commit {entry.pointer.number} is not in the message, and was not read"
            yield Envelope(stream=entry.pointer.stream), problem


def _events(commit: Commit) -> Iterator[Item]:
    if not commit.events:
        yield Envelope(stream=commit.stream), f"commit {commit.number} has no events"
    for event in commit.events:
        yield event, ""
