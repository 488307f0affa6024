"""A message's descriptor, with one type: the stubs give it two, one an implementation of protobuf."""

from typing import cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message


def descriptor_of(message: Message | type[Message]) -> Descriptor:
    """The descriptor of a message or of a message's type."""
    return cast(Descriptor, message.DESCRIPTOR)
