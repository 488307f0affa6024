"""Reads commits out of the messages of an events queue."""

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from kernel.errors import Poison
from kernel.handler import DeadLetter
from kernel.packing import pack_commits
from kernel.ports import EventStore, Message
from kernel.stages import published_with
from prism.envelope.v1.envelope_pb2 import Commit, CommitEntry, CommitMessage


class CommitReader:
    """Unpacks messages, and follows pointers into the event store."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def read(self, messages: Sequence[Message]) -> tuple[list[Commit], list[DeadLetter], set[str]]:
        """The commits of all messages, by stream and number, without repeats; the unreadable ones; and who
        owes that clients are told to fetch anew.

        The commits' outcomes tell when they were appended and published, as far as their messages do.
        """
        commits: dict[tuple[str, int], Commit] = {}
        dead: list[DeadLetter] = []
        debtors: set[str] = set()
        for message in messages:
            try:
                packed = CommitMessage.FromString(message.body)
                found = [self._commit(entry) for entry in packed.commits]
            except (DecodeError, Poison) as error:
                dead.append(DeadLetter(message.body, str(error) or "the body is no CommitMessage"))
                continue
            if packed.owed_by:
                debtors.add(packed.owed_by)
            for commit in found:
                for outcome in commit.outcomes:
                    published_with(outcome, packed)
            commits.update(((commit.stream, commit.number), commit) for commit in found)
        return [commits[place] for place in sorted(commits)], dead, debtors

    def _commit(self, entry: CommitEntry) -> Commit:
        if entry.HasField("commit"):
            return entry.commit
        stream, number = entry.pointer.stream, entry.pointer.number
        if number:
            commits = self._store.read(stream, after=number - 1, limit=1)
            if commits and commits[0].number == number:
                return commits[0]
        raise Poison(f"the event store has no commit {number} of stream {stream!r}")


def dead_commit(commit: Commit, error: Exception) -> DeadLetter:
    """The dead letter of one commit of a message, whose other commits go on."""
    [body] = pack_commits([commit])
    return DeadLetter(body, f"{type(error).__name__}: {error}")
