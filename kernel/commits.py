"""Reads commits out of the messages of an events queue."""

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from kernel.contract import aggregate_of
from kernel.errors import Poison
from kernel.handler import DeadLetter
from kernel.names import is_stream
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
            except DecodeError:
                dead.append(DeadLetter(message.body, "the body does not decode as a CommitMessage"))
                continue
            if packed.owed_by:
                debtors.add(packed.owed_by)
            elif not packed.commits:
                dead.append(DeadLetter(message.body, "the message carries no commit"))
            for entry in packed.commits:
                try:
                    commit = self._commit(entry)
                except Poison as error:
                    body = CommitMessage(commits=[entry]).SerializeToString()
                    dead.append(DeadLetter(body, str(error)))
                    continue
                for outcome in commit.outcomes:
                    published_with(outcome, packed)
                commits[commit.stream, commit.number] = commit
        return [commits[place] for place in sorted(commits)], dead, debtors

    def _commit(self, entry: CommitEntry) -> Commit:
        if entry.HasField("commit"):
            return checked(entry.commit)
        stream, number = entry.pointer.stream, entry.pointer.number
        if number:
            commits = self._store.read(stream, after=number - 1, limit=1)
            if commits and commits[0].number == number:
                return checked(commits[0])
        raise Poison(f"the event store has no commit {number} of stream {stream!r}")


def checked(commit: Commit) -> Commit:
    """The commit, if its parts agree. Poison for one that no replica can have appended.

    Taken as it is, its events would count for another stream, or hide those that are still to come.
    """
    if not is_stream(commit.stream) or not commit.number:
        raise Poison(f"commit {commit.number} is one of no stream")
    version = commit.version - len(commit.events)
    for event in commit.events:
        version += 1
        # prism.<aggregate>.v1.<Name>
        aggregate = event.type.split(".")[1:2]
        placed = event.stream == commit.stream and event.version == version and version > 0
        if not placed or aggregate != [aggregate_of(commit.stream)]:
            raise Poison(
                f"event {event.id[:200]!r} is not in its place in commit {commit.number} of {commit.stream!r}"
            )
    return commit


def dead_commit(commit: Commit, error: Exception) -> DeadLetter:
    """The dead letter of one commit of a message, whose other commits go on."""
    [body] = pack_commits([commit])
    return DeadLetter(body, f"{type(error).__name__}: {error}")
