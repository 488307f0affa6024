import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Envelope(_message.Message):
    __slots__ = ("id", "type", "stream", "version", "time", "subject", "roles", "correlation_id", "causation_id", "traceparent", "data", "expected_version")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: str
    stream: str
    version: int
    time: _timestamp_pb2.Timestamp
    subject: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    correlation_id: str
    causation_id: str
    traceparent: str
    data: bytes
    expected_version: int
    def __init__(self, id: _Optional[str] = ..., type: _Optional[str] = ..., stream: _Optional[str] = ..., version: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., subject: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., data: _Optional[bytes] = ..., expected_version: _Optional[int] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("command_id", "status", "stream", "version", "code", "detail", "events", "subject", "command_type", "causation_id", "traceparent", "stages")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Outcome.Status]
        ACCEPTED: _ClassVar[Outcome.Status]
        APPLIED: _ClassVar[Outcome.Status]
        REJECTED: _ClassVar[Outcome.Status]
        FAILED: _ClassVar[Outcome.Status]
    STATUS_UNSPECIFIED: Outcome.Status
    ACCEPTED: Outcome.Status
    APPLIED: Outcome.Status
    REJECTED: Outcome.Status
    FAILED: Outcome.Status
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    COMMAND_TYPE_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    status: Outcome.Status
    stream: str
    version: int
    code: str
    detail: str
    events: _containers.RepeatedCompositeFieldContainer[EventRef]
    subject: str
    command_type: str
    causation_id: str
    traceparent: str
    stages: Stages
    def __init__(self, command_id: _Optional[str] = ..., status: _Optional[_Union[Outcome.Status, str]] = ..., stream: _Optional[str] = ..., version: _Optional[int] = ..., code: _Optional[str] = ..., detail: _Optional[str] = ..., events: _Optional[_Iterable[_Union[EventRef, _Mapping]]] = ..., subject: _Optional[str] = ..., command_type: _Optional[str] = ..., causation_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., stages: _Optional[_Union[Stages, _Mapping]] = ...) -> None: ...

class Stages(_message.Message):
    __slots__ = ("accepted_at", "queued_at", "received_at", "decided_at", "appended_at", "published_at", "handled_at", "projected_at")
    ACCEPTED_AT_FIELD_NUMBER: _ClassVar[int]
    QUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    APPENDED_AT_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    HANDLED_AT_FIELD_NUMBER: _ClassVar[int]
    PROJECTED_AT_FIELD_NUMBER: _ClassVar[int]
    accepted_at: _timestamp_pb2.Timestamp
    queued_at: _timestamp_pb2.Timestamp
    received_at: _timestamp_pb2.Timestamp
    decided_at: _timestamp_pb2.Timestamp
    appended_at: _timestamp_pb2.Timestamp
    published_at: _timestamp_pb2.Timestamp
    handled_at: _timestamp_pb2.Timestamp
    projected_at: _timestamp_pb2.Timestamp
    def __init__(self, accepted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., appended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., handled_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., projected_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EventRef(_message.Message):
    __slots__ = ("event_id", "type")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    type: str
    def __init__(self, event_id: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class Commit(_message.Message):
    __slots__ = ("stream", "number", "version", "events", "outcomes")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    stream: str
    number: int
    version: int
    events: _containers.RepeatedCompositeFieldContainer[Envelope]
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    def __init__(self, stream: _Optional[str] = ..., number: _Optional[int] = ..., version: _Optional[int] = ..., events: _Optional[_Iterable[_Union[Envelope, _Mapping]]] = ..., outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ...) -> None: ...

class CommandMessage(_message.Message):
    __slots__ = ("commands", "left_since")
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    LEFT_SINCE_FIELD_NUMBER: _ClassVar[int]
    commands: _containers.RepeatedCompositeFieldContainer[Envelope]
    left_since: _timestamp_pb2.Timestamp
    def __init__(self, commands: _Optional[_Iterable[_Union[Envelope, _Mapping]]] = ..., left_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CommitMessage(_message.Message):
    __slots__ = ("commits", "left_since", "appended_at", "published_at", "owed_by")
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    LEFT_SINCE_FIELD_NUMBER: _ClassVar[int]
    APPENDED_AT_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    OWED_BY_FIELD_NUMBER: _ClassVar[int]
    commits: _containers.RepeatedCompositeFieldContainer[CommitEntry]
    left_since: _timestamp_pb2.Timestamp
    appended_at: _timestamp_pb2.Timestamp
    published_at: _timestamp_pb2.Timestamp
    owed_by: str
    def __init__(self, commits: _Optional[_Iterable[_Union[CommitEntry, _Mapping]]] = ..., left_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., appended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., owed_by: _Optional[str] = ...) -> None: ...

class CommitEntry(_message.Message):
    __slots__ = ("commit", "pointer")
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    POINTER_FIELD_NUMBER: _ClassVar[int]
    commit: Commit
    pointer: CommitPointer
    def __init__(self, commit: _Optional[_Union[Commit, _Mapping]] = ..., pointer: _Optional[_Union[CommitPointer, _Mapping]] = ...) -> None: ...

class CommitPointer(_message.Message):
    __slots__ = ("stream", "number")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    stream: str
    number: int
    def __init__(self, stream: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("body", "queue", "reason", "time", "deliveries")
    BODY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    queue: str
    reason: str
    time: _timestamp_pb2.Timestamp
    deliveries: int
    def __init__(self, body: _Optional[bytes] = ..., queue: _Optional[str] = ..., reason: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deliveries: _Optional[int] = ...) -> None: ...

class ViewRow(_message.Message):
    __slots__ = ("data", "progress")
    class ProgressEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Progress
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Progress, _Mapping]] = ...) -> None: ...
    DATA_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    progress: _containers.MessageMap[str, Progress]
    def __init__(self, data: _Optional[bytes] = ..., progress: _Optional[_Mapping[str, Progress]] = ...) -> None: ...

class Generations(_message.Message):
    __slots__ = ("live", "latest", "live_since", "building", "retired", "live_events", "live_rate")
    class Building(_message.Message):
        __slots__ = ("number", "subject", "started_at", "builder", "heartbeat", "after", "done", "total", "rate", "stamp")
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        SUBJECT_FIELD_NUMBER: _ClassVar[int]
        STARTED_AT_FIELD_NUMBER: _ClassVar[int]
        BUILDER_FIELD_NUMBER: _ClassVar[int]
        HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
        AFTER_FIELD_NUMBER: _ClassVar[int]
        DONE_FIELD_NUMBER: _ClassVar[int]
        TOTAL_FIELD_NUMBER: _ClassVar[int]
        RATE_FIELD_NUMBER: _ClassVar[int]
        STAMP_FIELD_NUMBER: _ClassVar[int]
        number: int
        subject: str
        started_at: _timestamp_pb2.Timestamp
        builder: str
        heartbeat: _timestamp_pb2.Timestamp
        after: str
        done: int
        total: int
        rate: float
        stamp: str
        def __init__(self, number: _Optional[int] = ..., subject: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., builder: _Optional[str] = ..., heartbeat: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., after: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., rate: _Optional[float] = ..., stamp: _Optional[str] = ...) -> None: ...
    class Retired(_message.Message):
        __slots__ = ("number", "since", "dropping", "failure")
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        SINCE_FIELD_NUMBER: _ClassVar[int]
        DROPPING_FIELD_NUMBER: _ClassVar[int]
        FAILURE_FIELD_NUMBER: _ClassVar[int]
        number: int
        since: _timestamp_pb2.Timestamp
        dropping: bool
        failure: str
        def __init__(self, number: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dropping: _Optional[bool] = ..., failure: _Optional[str] = ...) -> None: ...
    LIVE_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    LIVE_SINCE_FIELD_NUMBER: _ClassVar[int]
    BUILDING_FIELD_NUMBER: _ClassVar[int]
    RETIRED_FIELD_NUMBER: _ClassVar[int]
    LIVE_EVENTS_FIELD_NUMBER: _ClassVar[int]
    LIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    live: int
    latest: int
    live_since: _timestamp_pb2.Timestamp
    building: Generations.Building
    retired: _containers.RepeatedCompositeFieldContainer[Generations.Retired]
    live_events: int
    live_rate: float
    def __init__(self, live: _Optional[int] = ..., latest: _Optional[int] = ..., live_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., building: _Optional[_Union[Generations.Building, _Mapping]] = ..., retired: _Optional[_Iterable[_Union[Generations.Retired, _Mapping]]] = ..., live_events: _Optional[int] = ..., live_rate: _Optional[float] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("version", "number")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    version: int
    number: int
    def __init__(self, version: _Optional[int] = ..., number: _Optional[int] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("stream", "number", "version", "state", "fingerprint", "processed")
    class Processed(_message.Message):
        __slots__ = ("command_id", "number", "by_policy")
        COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        BY_POLICY_FIELD_NUMBER: _ClassVar[int]
        command_id: str
        number: int
        by_policy: bool
        def __init__(self, command_id: _Optional[str] = ..., number: _Optional[int] = ..., by_policy: _Optional[bool] = ...) -> None: ...
    STREAM_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    PROCESSED_FIELD_NUMBER: _ClassVar[int]
    stream: str
    number: int
    version: int
    state: bytes
    fingerprint: str
    processed: _containers.RepeatedCompositeFieldContainer[Snapshot.Processed]
    def __init__(self, stream: _Optional[str] = ..., number: _Optional[int] = ..., version: _Optional[int] = ..., state: _Optional[bytes] = ..., fingerprint: _Optional[str] = ..., processed: _Optional[_Iterable[_Union[Snapshot.Processed, _Mapping]]] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("command_id", "updates", "outcome", "events")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    updates: _containers.RepeatedCompositeFieldContainer[Update]
    outcome: Outcome
    events: _containers.RepeatedCompositeFieldContainer[Envelope]
    def __init__(self, command_id: _Optional[str] = ..., updates: _Optional[_Iterable[_Union[Update, _Mapping]]] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ..., events: _Optional[_Iterable[_Union[Envelope, _Mapping]]] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("view", "topics", "owner", "version", "data", "stream", "stream_version", "revision")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    STREAM_VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    view: str
    topics: _containers.RepeatedScalarFieldContainer[str]
    owner: str
    version: int
    data: bytes
    stream: str
    stream_version: int
    revision: int
    def __init__(self, view: _Optional[str] = ..., topics: _Optional[_Iterable[str]] = ..., owner: _Optional[str] = ..., version: _Optional[int] = ..., data: _Optional[bytes] = ..., stream: _Optional[str] = ..., stream_version: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...
