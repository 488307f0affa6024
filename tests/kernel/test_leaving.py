"""What is left says since when, and not for ever."""

import time

import pytest

from kernel.errors import UnknownType
from kernel.leaving import MAX_TYPES, UnknownTypes, leave_commands, leave_commits
from kernel.ports import MAX_BODY_BYTES, Message
from prism.envelope.v1.envelope_pb2 import CommandMessage, CommitMessage, Envelope


def received(message: CommandMessage | CommitMessage) -> Message:
    return Message("1", message.SerializeToString(), "receipt", 1, time.time())


def unknown(*types: str) -> dict[str, UnknownType]:
    return {f"id of {type_}": UnknownType(type_, f"nobody knows {type_}") for type_ in types}


def command(type_: str, data: bytes = b"") -> Envelope:
    return Envelope(id=f"id of {type_}", type=type_, data=data)


def test_a_message_is_left_with_what_is_unknown_of_it_and_all_its_types() -> None:
    message = CommandMessage(commands=[command("A"), command("known"), command("B"), command("A")])
    before = int(time.time())
    [left], expired = leave_commands([received(message)], unknown("A", "B"))
    body = CommandMessage.FromString(left.body)
    assert list(body.commands) == [command("A"), command("B"), command("A")]
    assert before <= body.left_since.seconds <= time.time()
    assert left.types == ("A", "B")
    assert expired == []


def test_nothing_is_left_of_what_is_known_or_unreadable() -> None:
    messages = [received(CommandMessage(commands=[command("known")])), Message("2", b"\xff", "", 1, 0)]
    assert leave_commands(messages, unknown("A")) == ([], [])
    assert leave_commits([Message("2", b"\xff", "", 1, 0)], {("a-1", 1): UnknownType("A", "")}) == []


@pytest.mark.parametrize("seconds", [-1, 9_000_000_000, 250_000_000_000])
def test_a_time_that_cannot_be_right_begins_anew(seconds: int) -> None:
    message = CommandMessage(commands=[command("A")])
    message.left_since.seconds = seconds
    [left], _ = leave_commands([received(message)], unknown("A"))
    assert abs(CommandMessage.FromString(left.body).left_since.seconds - time.time()) < 60


def test_a_message_without_room_for_the_time_is_not_left() -> None:
    message = CommandMessage(commands=[command("A")])
    message.commands[0].data = bytes(MAX_BODY_BYTES - message.ByteSize() - 8)
    assert MAX_BODY_BYTES - 8 < message.ByteSize() <= MAX_BODY_BYTES
    left, [(too_large, reason)] = leave_commands([received(message)], unknown("A"))
    assert left == []
    assert too_large == message.commands[0]
    assert "A" in reason


def test_the_latest_types_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    types = UnknownTypes("work")
    names = [f"T{number}" for number in range(MAX_TYPES + 5)]
    types.note(names)
    types.note([names[-2]])
    assert types.latest() == [*names[5:-2], names[-1], names[-2]]
    assert len(caplog.records) == len(names)
