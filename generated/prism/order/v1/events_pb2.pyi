import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from prism.common.v1 import money_pb2 as _money_pb2
from prism.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OrderRef(_message.Message):
    __slots__ = ("order_id", "customer_id", "placed_at")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PLACED_AT_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    customer_id: str
    placed_at: _timestamp_pb2.Timestamp
    def __init__(self, order_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., placed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OrderPlaced(_message.Message):
    __slots__ = ("order", "lines", "total")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    order: OrderRef
    lines: _containers.RepeatedCompositeFieldContainer[_money_pb2.Line]
    total: _money_pb2.Money
    def __init__(self, order: _Optional[_Union[OrderRef, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[_money_pb2.Line, _Mapping]]] = ..., total: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class OrderLineReserved(_message.Message):
    __slots__ = ("order", "product_id")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    order: OrderRef
    product_id: str
    def __init__(self, order: _Optional[_Union[OrderRef, _Mapping]] = ..., product_id: _Optional[str] = ...) -> None: ...

class OrderLineReturned(_message.Message):
    __slots__ = ("order", "product_id")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    order: OrderRef
    product_id: str
    def __init__(self, order: _Optional[_Union[OrderRef, _Mapping]] = ..., product_id: _Optional[str] = ...) -> None: ...

class OrderConfirmed(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: OrderRef
    def __init__(self, order: _Optional[_Union[OrderRef, _Mapping]] = ...) -> None: ...

class OrderRejected(_message.Message):
    __slots__ = ("order", "reason", "reserved_product_ids")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RESERVED_PRODUCT_IDS_FIELD_NUMBER: _ClassVar[int]
    order: OrderRef
    reason: str
    reserved_product_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, order: _Optional[_Union[OrderRef, _Mapping]] = ..., reason: _Optional[str] = ..., reserved_product_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class OrderPaid(_message.Message):
    __slots__ = ("order", "amount", "lines", "paid_at")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    PAID_AT_FIELD_NUMBER: _ClassVar[int]
    order: OrderRef
    amount: _money_pb2.Money
    lines: _containers.RepeatedCompositeFieldContainer[_money_pb2.Line]
    paid_at: _timestamp_pb2.Timestamp
    def __init__(self, order: _Optional[_Union[OrderRef, _Mapping]] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[_money_pb2.Line, _Mapping]]] = ..., paid_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OrderShipped(_message.Message):
    __slots__ = ("order", "lines")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    order: OrderRef
    lines: _containers.RepeatedCompositeFieldContainer[_money_pb2.Line]
    def __init__(self, order: _Optional[_Union[OrderRef, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[_money_pb2.Line, _Mapping]]] = ...) -> None: ...

class OrderCancelled(_message.Message):
    __slots__ = ("order", "reason", "reserved_product_ids", "paid_at", "lines")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RESERVED_PRODUCT_IDS_FIELD_NUMBER: _ClassVar[int]
    PAID_AT_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    order: OrderRef
    reason: str
    reserved_product_ids: _containers.RepeatedScalarFieldContainer[str]
    paid_at: _timestamp_pb2.Timestamp
    lines: _containers.RepeatedCompositeFieldContainer[_money_pb2.Line]
    def __init__(self, order: _Optional[_Union[OrderRef, _Mapping]] = ..., reason: _Optional[str] = ..., reserved_product_ids: _Optional[_Iterable[str]] = ..., paid_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[_money_pb2.Line, _Mapping]]] = ...) -> None: ...
