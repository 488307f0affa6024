"""What calls carry, in a few words: for histories that people read."""

from collections.abc import Iterable, Sequence

from google.protobuf.message import DecodeError

from kernel.queues import COMMANDS, COMMANDS_LATER
from prism.envelope.v1.envelope_pb2 import CommandMessage, Commit, CommitMessage, Outcome


def bodies(queue: str, found: Iterable[bytes]) -> str:
    """What the messages of a queue carry."""
    return " | ".join(_body(queue, body) for body in found)


def commits(found: Sequence[Commit]) -> str:
    """Commits with their events and outcomes."""
    return ", ".join(commit(item) for item in found)


def commit(item: Commit) -> str:
    """`cart-c1 2 (ItemAddedToCart; rejected CART_CLOSED)`."""
    inside = [envelope.type.rpartition(".")[2] for envelope in item.events]
    inside += [f"rejected {outcome.code}" for outcome in item.outcomes if outcome.status == Outcome.REJECTED]
    return f"{item.stream} {item.number} ({', '.join(inside) or 'nothing'})"


def _body(queue: str, body: bytes) -> str:
    try:
        if queue in (COMMANDS, COMMANDS_LATER):
            found = CommandMessage.FromString(body).commands
            return ", ".join(f"{item.type.rpartition('.')[2]} {item.stream}" for item in found)
        entries = CommitMessage.FromString(body).commits
    except DecodeError:
        return "?"
    return ", ".join(
        commit(entry.commit)
        if entry.HasField("commit")
        else f"where to read {entry.pointer.stream} {entry.pointer.number}"
        for entry in entries
    )
