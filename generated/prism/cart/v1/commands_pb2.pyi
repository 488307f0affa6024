from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from prism.common.v1 import money_pb2 as _money_pb2
from prism.envelope.v1 import envelope_pb2 as _envelope_pb2
from prism.options.v1 import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AddItemToCart(_message.Message):
    __slots__ = ("cart_id", "product_id", "quantity")
    CART_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    cart_id: str
    product_id: str
    quantity: int
    def __init__(self, cart_id: _Optional[str] = ..., product_id: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class ChangeItemQuantity(_message.Message):
    __slots__ = ("cart_id", "product_id", "quantity")
    CART_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    cart_id: str
    product_id: str
    quantity: int
    def __init__(self, cart_id: _Optional[str] = ..., product_id: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class RemoveItemFromCart(_message.Message):
    __slots__ = ("cart_id", "product_id")
    CART_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    cart_id: str
    product_id: str
    def __init__(self, cart_id: _Optional[str] = ..., product_id: _Optional[str] = ...) -> None: ...

class CheckOutCart(_message.Message):
    __slots__ = ("cart_id", "expected_total")
    CART_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_TOTAL_FIELD_NUMBER: _ClassVar[int]
    cart_id: str
    expected_total: _money_pb2.Money
    def __init__(self, cart_id: _Optional[str] = ..., expected_total: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...
