import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from prism.admin.v1 import decoded_pb2 as _decoded_pb2
from prism.envelope.v1 import envelope_pb2 as _envelope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReadStreamRequest(_message.Message):
    __slots__ = ("stream", "after", "page_size", "stored")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    stream: str
    after: int
    page_size: int
    stored: bool
    def __init__(self, stream: _Optional[str] = ..., after: _Optional[int] = ..., page_size: _Optional[int] = ..., stored: _Optional[bool] = ...) -> None: ...

class ReadStreamResponse(_message.Message):
    __slots__ = ("commits", "next_after")
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_AFTER_FIELD_NUMBER: _ClassVar[int]
    commits: _containers.RepeatedCompositeFieldContainer[StoredCommit]
    next_after: int
    def __init__(self, commits: _Optional[_Iterable[_Union[StoredCommit, _Mapping]]] = ..., next_after: _Optional[int] = ...) -> None: ...

class StoredCommit(_message.Message):
    __slots__ = ("number", "version", "events", "outcomes")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    number: int
    version: int
    events: _containers.RepeatedCompositeFieldContainer[_decoded_pb2.Decoded]
    outcomes: _containers.RepeatedCompositeFieldContainer[_envelope_pb2.Outcome]
    def __init__(self, number: _Optional[int] = ..., version: _Optional[int] = ..., events: _Optional[_Iterable[_Union[_decoded_pb2.Decoded, _Mapping]]] = ..., outcomes: _Optional[_Iterable[_Union[_envelope_pb2.Outcome, _Mapping]]] = ...) -> None: ...

class GetStateRequest(_message.Message):
    __slots__ = ("stream", "version")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    stream: str
    version: int
    def __init__(self, stream: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class GetStateResponse(_message.Message):
    __slots__ = ("stream", "version", "json", "time")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    stream: str
    version: int
    json: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, stream: _Optional[str] = ..., version: _Optional[int] = ..., json: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RepublishRequest(_message.Message):
    __slots__ = ("stream", "to")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    stream: str
    to: int
    def __init__(self, stream: _Optional[str] = ..., to: _Optional[int] = ..., **kwargs) -> None: ...

class RepublishResponse(_message.Message):
    __slots__ = ("commits", "next_from")
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FROM_FIELD_NUMBER: _ClassVar[int]
    commits: int
    next_from: int
    def __init__(self, commits: _Optional[int] = ..., next_from: _Optional[int] = ...) -> None: ...

class TraceRequest(_message.Message):
    __slots__ = ("command_id", "stream")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    stream: str
    def __init__(self, command_id: _Optional[str] = ..., stream: _Optional[str] = ...) -> None: ...

class TraceResponse(_message.Message):
    __slots__ = ("commands", "truncated")
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    commands: _containers.RepeatedCompositeFieldContainer[TracedCommand]
    truncated: bool
    def __init__(self, commands: _Optional[_Iterable[_Union[TracedCommand, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class TracedCommand(_message.Message):
    __slots__ = ("outcome", "events", "cause")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    outcome: _envelope_pb2.Outcome
    events: _containers.RepeatedCompositeFieldContainer[_envelope_pb2.Envelope]
    cause: str
    def __init__(self, outcome: _Optional[_Union[_envelope_pb2.Outcome, _Mapping]] = ..., events: _Optional[_Iterable[_Union[_envelope_pb2.Envelope, _Mapping]]] = ..., cause: _Optional[str] = ...) -> None: ...
