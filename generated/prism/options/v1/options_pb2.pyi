from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor
COMMAND_FIELD_NUMBER: _ClassVar[int]
command: _descriptor.FieldDescriptor
QUERY_FIELD_NUMBER: _ClassVar[int]
query: _descriptor.FieldDescriptor
EVENT_FIELD_NUMBER: _ClassVar[int]
event: _descriptor.FieldDescriptor
VIEWS_FIELD_NUMBER: _ClassVar[int]
views: _descriptor.FieldDescriptor

class CommandOptions(_message.Message):
    __slots__ = ("stream", "roles", "rejects")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    REJECTS_FIELD_NUMBER: _ClassVar[int]
    stream: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    rejects: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, stream: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ..., rejects: _Optional[_Iterable[str]] = ...) -> None: ...

class QueryOptions(_message.Message):
    __slots__ = ("view", "partition", "key", "first_key", "last_key", "roles", "public", "search_fields")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    FIRST_KEY_FIELD_NUMBER: _ClassVar[int]
    LAST_KEY_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELDS_FIELD_NUMBER: _ClassVar[int]
    view: str
    partition: str
    key: str
    first_key: str
    last_key: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    public: bool
    search_fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, view: _Optional[str] = ..., partition: _Optional[str] = ..., key: _Optional[str] = ..., first_key: _Optional[str] = ..., last_key: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ..., public: _Optional[bool] = ..., search_fields: _Optional[_Iterable[str]] = ...) -> None: ...

class EventOptions(_message.Message):
    __slots__ = ("successor",)
    SUCCESSOR_FIELD_NUMBER: _ClassVar[int]
    successor: str
    def __init__(self, successor: _Optional[str] = ...) -> None: ...

class ViewOptions(_message.Message):
    __slots__ = ("name", "aggregates", "subscriber", "owner_field", "topics", "parts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AGGREGATES_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    aggregates: _containers.RepeatedScalarFieldContainer[str]
    subscriber: str
    owner_field: str
    topics: _containers.RepeatedScalarFieldContainer[str]
    parts: bool
    def __init__(self, name: _Optional[str] = ..., aggregates: _Optional[_Iterable[str]] = ..., subscriber: _Optional[str] = ..., owner_field: _Optional[str] = ..., topics: _Optional[_Iterable[str]] = ..., parts: _Optional[bool] = ...) -> None: ...
