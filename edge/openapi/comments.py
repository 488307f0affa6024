"""The comments in the contracts, by the full name of what they stand above.

Python's descriptors come without comments; the image beside the stubs has them.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from kernel.contract import GENERATED

# The numbers of fields in descriptor.proto: a comment's path is made of them and of indices.
MESSAGE, ENUM, SERVICE = 4, 5, 6
FIELD, NESTED, NESTED_ENUM = 2, 3, 4
METHOD, VALUE = 2, 2

Place = tuple[str, tuple[int, ...]]


@cache
def load_comments() -> Mapping[str, str]:
    """The comments, by full name: `prism.<package>.v1.<Message>.<field>`."""
    image = FileDescriptorSet.FromString((GENERATED / "contracts.binpb").read_bytes())
    return {name: text for file in image.file for name, text in _comments(file)}


def comment(full_name: str) -> str:
    """The comment above a definition, as one paragraph; empty where there is none."""
    return load_comments().get(full_name, "")


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    texts = {
        tuple(location.path): location.leading_comments
        for location in file.source_code_info.location
        if location.leading_comments
    }
    for name, path in _places(file):
        if path in texts:
            yield name, " ".join(texts[path].split())


def _places(file: FileDescriptorProto) -> Iterator[Place]:
    yield from _messages(file.message_type, file.package, (MESSAGE,))
    yield from _enums(file.enum_type, file.package, (ENUM,))
    for i, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield name, (SERVICE, i)
        for j, method in enumerate(service.method):
            yield f"{name}.{method.name}", (SERVICE, i, METHOD, j)


def _messages(messages: Sequence[DescriptorProto], scope: str, path: tuple[int, ...]) -> Iterator[Place]:
    for i, message in enumerate(messages):
        name, here = f"{scope}.{message.name}", (*path, i)
        yield name, here
        for j, field in enumerate(message.field):
            yield f"{name}.{field.name}", (*here, FIELD, j)
        yield from _messages(message.nested_type, name, (*here, NESTED))
        yield from _enums(message.enum_type, name, (*here, NESTED_ENUM))


def _enums(enums: Sequence[EnumDescriptorProto], scope: str, path: tuple[int, ...]) -> Iterator[Place]:
    for i, enum in enumerate(enums):
        name, here = f"{scope}.{enum.name}", (*path, i)
        yield name, here
        for j, value in enumerate(enum.value):
            yield f"{name}.{value.name}", (*here, VALUE, j)
