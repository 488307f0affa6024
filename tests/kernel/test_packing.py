import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.packing import pack_commands, pack_commits
from kernel.ports import MAX_BODY_BYTES
from prism.envelope.v1.envelope_pb2 import CommandMessage, Commit, CommitMessage, Envelope

SIZES = st.lists(st.integers(0, 40_000), max_size=20)


@given(SIZES)
def test_commands_keep_their_order_and_fit(sizes: list[int]) -> None:
    commands = [Envelope(id=str(place), data=b"x" * size) for place, size in enumerate(sizes)]
    packed = pack_commands(commands)
    unpacked = [command for body, _ in packed for command in CommandMessage.FromString(body).commands]
    assert unpacked == commands
    assert [command for _, batch in packed for command in batch] == commands
    assert all(len(body) <= MAX_BODY_BYTES for body, _ in packed)


@given(st.lists(st.integers(0, 80_000), max_size=12))
def test_commits_go_inline_while_they_fit_and_as_pointers_otherwise(sizes: list[int]) -> None:
    commits = [
        Commit(stream=f"cart-{place}", number=place + 1, events=[Envelope(data=b"x" * size)])
        for place, size in enumerate(sizes)
    ]
    bodies = pack_commits(commits)
    entries = [entry for body in bodies for entry in CommitMessage.FromString(body).commits]
    assert all(len(body) <= MAX_BODY_BYTES for body in bodies)
    for commit, entry in zip(commits, entries, strict=True):
        if entry.HasField("commit"):
            assert entry.commit == commit
        else:
            assert commit.ByteSize() > 40_000
            assert (entry.pointer.stream, entry.pointer.number) == (commit.stream, commit.number)


def test_small_ones_share_a_message() -> None:
    assert len(pack_commands([Envelope(id=str(place)) for place in range(100)])) == 1


def test_a_command_too_large_for_any_message_is_refused() -> None:
    with pytest.raises(ValueError, match="fits no queue message"):
        pack_commands([Envelope(data=b"x" * MAX_BODY_BYTES)])
