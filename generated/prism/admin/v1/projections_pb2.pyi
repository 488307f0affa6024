import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListProjectionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListProjectionsResponse(_message.Message):
    __slots__ = ("projections",)
    PROJECTIONS_FIELD_NUMBER: _ClassVar[int]
    projections: _containers.RepeatedCompositeFieldContainer[ProjectionStatus]
    def __init__(self, projections: _Optional[_Iterable[_Union[ProjectionStatus, _Mapping]]] = ...) -> None: ...

class ProjectionStatus(_message.Message):
    __slots__ = ("view", "subscriber", "aggregates", "generation", "live_since", "rebuild", "retired")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_FIELD_NUMBER: _ClassVar[int]
    AGGREGATES_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    LIVE_SINCE_FIELD_NUMBER: _ClassVar[int]
    REBUILD_FIELD_NUMBER: _ClassVar[int]
    RETIRED_FIELD_NUMBER: _ClassVar[int]
    view: str
    subscriber: str
    aggregates: _containers.RepeatedScalarFieldContainer[str]
    generation: int
    live_since: _timestamp_pb2.Timestamp
    rebuild: RebuildProgress
    retired: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, view: _Optional[str] = ..., subscriber: _Optional[str] = ..., aggregates: _Optional[_Iterable[str]] = ..., generation: _Optional[int] = ..., live_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rebuild: _Optional[_Union[RebuildProgress, _Mapping]] = ..., retired: _Optional[_Iterable[int]] = ...) -> None: ...

class RebuildRequest(_message.Message):
    __slots__ = ("view",)
    VIEW_FIELD_NUMBER: _ClassVar[int]
    view: str
    def __init__(self, view: _Optional[str] = ...) -> None: ...

class RebuildResponse(_message.Message):
    __slots__ = ("progress",)
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    progress: RebuildProgress
    def __init__(self, progress: _Optional[_Union[RebuildProgress, _Mapping]] = ...) -> None: ...

class RebuildProgress(_message.Message):
    __slots__ = ("generation", "phase", "done", "total", "rate", "time_left", "started_at", "subject")
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PHASE_UNSPECIFIED: _ClassVar[RebuildProgress.Phase]
        COUNTING: _ClassVar[RebuildProgress.Phase]
        BUILDING: _ClassVar[RebuildProgress.Phase]
        LIVE: _ClassVar[RebuildProgress.Phase]
        COMPARING: _ClassVar[RebuildProgress.Phase]
    PHASE_UNSPECIFIED: RebuildProgress.Phase
    COUNTING: RebuildProgress.Phase
    BUILDING: RebuildProgress.Phase
    LIVE: RebuildProgress.Phase
    COMPARING: RebuildProgress.Phase
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    TIME_LEFT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    generation: int
    phase: RebuildProgress.Phase
    done: int
    total: int
    rate: float
    time_left: _duration_pb2.Duration
    started_at: _timestamp_pb2.Timestamp
    subject: str
    def __init__(self, generation: _Optional[int] = ..., phase: _Optional[_Union[RebuildProgress.Phase, str]] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., rate: _Optional[float] = ..., time_left: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., subject: _Optional[str] = ...) -> None: ...

class CancelRebuildRequest(_message.Message):
    __slots__ = ("view",)
    VIEW_FIELD_NUMBER: _ClassVar[int]
    view: str
    def __init__(self, view: _Optional[str] = ...) -> None: ...

class CancelRebuildResponse(_message.Message):
    __slots__ = ("generation",)
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    generation: int
    def __init__(self, generation: _Optional[int] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("view", "limit")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    view: str
    limit: int
    def __init__(self, view: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("progress", "difference", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: RebuildProgress
    difference: RowDifference
    result: VerifyResult
    def __init__(self, progress: _Optional[_Union[RebuildProgress, _Mapping]] = ..., difference: _Optional[_Union[RowDifference, _Mapping]] = ..., result: _Optional[_Union[VerifyResult, _Mapping]] = ...) -> None: ...

class RowDifference(_message.Message):
    __slots__ = ("partition", "key", "kind", "fields")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[RowDifference.Kind]
        WRONG: _ClassVar[RowDifference.Kind]
        MISSING: _ClassVar[RowDifference.Kind]
        UNEXPECTED: _ClassVar[RowDifference.Kind]
        BEHIND: _ClassVar[RowDifference.Kind]
        UNREADABLE: _ClassVar[RowDifference.Kind]
    KIND_UNSPECIFIED: RowDifference.Kind
    WRONG: RowDifference.Kind
    MISSING: RowDifference.Kind
    UNEXPECTED: RowDifference.Kind
    BEHIND: RowDifference.Kind
    UNREADABLE: RowDifference.Kind
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    partition: str
    key: str
    kind: RowDifference.Kind
    fields: _containers.RepeatedCompositeFieldContainer[FieldDifference]
    def __init__(self, partition: _Optional[str] = ..., key: _Optional[str] = ..., kind: _Optional[_Union[RowDifference.Kind, str]] = ..., fields: _Optional[_Iterable[_Union[FieldDifference, _Mapping]]] = ...) -> None: ...

class FieldDifference(_message.Message):
    __slots__ = ("path", "live", "rebuilt")
    PATH_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    REBUILT_FIELD_NUMBER: _ClassVar[int]
    path: str
    live: str
    rebuilt: str
    def __init__(self, path: _Optional[str] = ..., live: _Optional[str] = ..., rebuilt: _Optional[str] = ...) -> None: ...

class VerifyResult(_message.Message):
    __slots__ = ("rows", "differing", "events")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    DIFFERING_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    differing: int
    events: int
    def __init__(self, rows: _Optional[int] = ..., differing: _Optional[int] = ..., events: _Optional[int] = ...) -> None: ...
