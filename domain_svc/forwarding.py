"""Handles messages of the queue of delayed commands: one that comes is due, and joins those that wait for a
consumer. A message that is forwarded twice is a repeat of its commands, like any other.
"""

from collections.abc import Callable, Sequence

from kernel.handler import Handler, Unsettled
from kernel.ports import Message, Queue


def forward_to(commands: Queue, ring: Callable[[], None]) -> Handler:
    """A kernel.consumer.Handler that puts messages, as they are, into another queue."""

    def forward(messages: Sequence[Message]) -> list[Unsettled]:
        commands.put([message.body for message in messages])
        ring()
        return []

    return forward
