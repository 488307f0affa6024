import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from prism.common.v1 import money_pb2 as _money_pb2
from prism.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetCart(_message.Message):
    __slots__ = ("cart_id",)
    CART_ID_FIELD_NUMBER: _ClassVar[int]
    cart_id: str
    def __init__(self, cart_id: _Optional[str] = ...) -> None: ...

class CartView(_message.Message):
    __slots__ = ("cart_id", "owner_id", "status", "lines", "total", "version", "updated_at")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[CartView.Status]
        OPEN: _ClassVar[CartView.Status]
        CHECKED_OUT: _ClassVar[CartView.Status]
    STATUS_UNSPECIFIED: CartView.Status
    OPEN: CartView.Status
    CHECKED_OUT: CartView.Status
    CART_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    cart_id: str
    owner_id: str
    status: CartView.Status
    lines: _containers.RepeatedCompositeFieldContainer[_money_pb2.Line]
    total: _money_pb2.Money
    version: int
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, cart_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., status: _Optional[_Union[CartView.Status, str]] = ..., lines: _Optional[_Iterable[_Union[_money_pb2.Line, _Mapping]]] = ..., total: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., version: _Optional[int] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
