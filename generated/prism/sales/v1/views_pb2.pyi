from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from prism.common.v1 import money_pb2 as _money_pb2
from prism.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetSales(_message.Message):
    __slots__ = ("to",)
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    to: str
    def __init__(self, to: _Optional[str] = ..., **kwargs) -> None: ...

class Sales(_message.Message):
    __slots__ = ("days",)
    DAYS_FIELD_NUMBER: _ClassVar[int]
    days: _containers.RepeatedCompositeFieldContainer[SalesDay]
    def __init__(self, days: _Optional[_Iterable[_Union[SalesDay, _Mapping]]] = ...) -> None: ...

class SalesDay(_message.Message):
    __slots__ = ("date", "products", "revenue")
    DATE_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    REVENUE_FIELD_NUMBER: _ClassVar[int]
    date: str
    products: _containers.RepeatedCompositeFieldContainer[ProductSales]
    revenue: _money_pb2.Money
    def __init__(self, date: _Optional[str] = ..., products: _Optional[_Iterable[_Union[ProductSales, _Mapping]]] = ..., revenue: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class ProductSales(_message.Message):
    __slots__ = ("product_id", "units", "revenue")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    REVENUE_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    units: int
    revenue: _money_pb2.Money
    def __init__(self, product_id: _Optional[str] = ..., units: _Optional[int] = ..., revenue: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...
