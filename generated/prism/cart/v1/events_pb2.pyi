from prism.common.v1 import money_pb2 as _money_pb2
from prism.options.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ItemAddedToCart(_message.Message):
    __slots__ = ("cart_id", "owner_id", "product_id", "name", "quantity", "unit_price_cents")
    CART_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_PRICE_CENTS_FIELD_NUMBER: _ClassVar[int]
    cart_id: str
    owner_id: str
    product_id: str
    name: str
    quantity: int
    unit_price_cents: int
    def __init__(self, cart_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., product_id: _Optional[str] = ..., name: _Optional[str] = ..., quantity: _Optional[int] = ..., unit_price_cents: _Optional[int] = ...) -> None: ...

class ItemQuantityChanged(_message.Message):
    __slots__ = ("cart_id", "product_id", "quantity")
    CART_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    cart_id: str
    product_id: str
    quantity: int
    def __init__(self, cart_id: _Optional[str] = ..., product_id: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class ItemRemovedFromCart(_message.Message):
    __slots__ = ("cart_id", "product_id")
    CART_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    cart_id: str
    product_id: str
    def __init__(self, cart_id: _Optional[str] = ..., product_id: _Optional[str] = ...) -> None: ...

class CartCheckedOut(_message.Message):
    __slots__ = ("cart_id", "owner_id", "lines", "total")
    CART_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    cart_id: str
    owner_id: str
    lines: _containers.RepeatedCompositeFieldContainer[_money_pb2.Line]
    total: _money_pb2.Money
    def __init__(self, cart_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[_money_pb2.Line, _Mapping]]] = ..., total: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...
