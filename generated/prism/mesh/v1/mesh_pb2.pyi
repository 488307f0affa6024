from prism.envelope.v1 import envelope_pb2 as _envelope_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class RingRequest(_message.Message):
    __slots__ = ("queue",)
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    queue: str
    def __init__(self, queue: _Optional[str] = ...) -> None: ...

class RingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetOutcomeRequest(_message.Message):
    __slots__ = ("stream", "command_id")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    stream: str
    command_id: str
    def __init__(self, stream: _Optional[str] = ..., command_id: _Optional[str] = ...) -> None: ...
