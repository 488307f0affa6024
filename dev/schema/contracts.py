"""One compiled version of the contracts, and what its options say.

Two versions of a contract do not fit into one process's default pool, so that each has a pool of its own.
Options are read with the extensions of the same version: a renumbered option is not taken for its old self.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
    MethodDescriptor,
)
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from dev.schema.compiling import OTHERS

Described = Descriptor | EnumDescriptor | FieldDescriptor | MethodDescriptor
OPTIONS = "prism.options.v1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is declared. Lines count from 1; 0 when the image has no source info."""

    file: str
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        """As an editor understands it."""
        return f"proto/{self.file}:{self.first}" if self.first else f"proto/{self.file}"


class Contracts:
    """Everything that one version declares, by full name. Nothing here changes."""

    def __init__(self, label: str, image: bytes) -> None:
        self.label = label
        self.image = image
        self._pool = DescriptorPool()
        everything = FileDescriptorSet.FromString(image)
        for file in everything.file:
            self._pool.AddSerializedFile(file.SerializeToString())
        self.files = [file for file in everything.file if not file.name.startswith(OTHERS)]
        opened = [self._pool.FindFileByName(file.name) for file in self.files]
        self.messages = {m.full_name: m for f in opened for m in _nested(f.message_types_by_name.values())}
        enums = [e for f in opened for e in f.enum_types_by_name.values()]
        enums += [e for m in self.messages.values() for e in m.enum_types]
        self.enums: dict[str, EnumDescriptor] = {enum.full_name: enum for enum in enums}
        self.methods: dict[str, MethodDescriptor] = {
            method.full_name: method
            for file in opened
            for service in file.services_by_name.values()
            for method in service.methods
        }
        self.extensions: dict[str, FieldDescriptor] = {
            extension.full_name: extension
            for file in opened
            for extension in file.extensions_by_name.values()
        }

    def option(self, of: Described, name: str) -> Any:  # noqa: ANN401 # the extension's own type
        """An option's value: a message, or a list of them. None where it is not set."""
        options = of.GetOptions()
        try:
            extension = self._pool.FindExtensionByName(name)
        except KeyError:
            return None
        # The same options, as this version's own extensions know them.
        known = GetMessageClass(self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name))
        own = known.FromString(options.SerializeToString())
        if extension.is_repeated:
            return list(own.Extensions[extension])  # type: ignore[index] # the stubs know extensions by another type
        return own.Extensions[extension] if own.HasExtension(extension) else None  # type: ignore[index, arg-type] # the same

    def new(self, message: Descriptor) -> Message:
        """An empty message of this version."""
        return GetMessageClass(message)()

    @cached_property
    def events(self) -> dict[str, str]:
        """The successor of every event; empty for a current one."""
        found = {name: self.option(m, f"{OPTIONS}.event") for name, m in self.messages.items()}
        return {name: option.successor for name, option in found.items() if option is not None}

    @cached_property
    def views(self) -> dict[str, list[Any]]:
        """The view options of every message that is a view's row."""
        found = {name: self.option(m, f"{OPTIONS}.views") for name, m in self.messages.items()}
        return {name: options for name, options in found.items() if options}

    @cached_property
    def requests(self) -> dict[str, set[str]]:
        """Every message of a routed rpc's request, however deep, with the rpcs that take it."""
        routed = [m for m in self.methods.values() if self.option(m, "google.api.http")]
        return self.users({method.full_name: method.input_type for method in routed})

    def users(self, roots: dict[str, Descriptor]) -> dict[str, set[str]]:
        """Every message and enum that the roots are made of, with the roots' names that use it."""
        used: dict[str, set[str]] = {}
        for name, root in roots.items():
            for part in parts(root):
                used.setdefault(part, set()).add(name)
        return used

    @cached_property
    def places(self) -> dict[str, Place]:
        """Where every message, enum, field, value and rpc is declared."""
        return {name: place for file in self.files for name, place in _places(file)}

    def declared_at(self, file: str, line: int) -> str:
        """The full name of the innermost thing that is declared around a line; empty if nothing is."""
        around = [
            (place.last - place.first, name)
            for name, place in self.places.items()
            if place.file == file and place.first <= line <= place.last
        ]
        return min(around)[1] if around else ""


def deprecated(of: Described) -> bool:
    """Whether it is marked `deprecated = true`."""
    return bool(of.GetOptions().deprecated)


def parts(root: Descriptor) -> set[str]:
    """The full names of a message and of all that it is made of, Google's own aside."""
    seen: set[str] = set()
    waiting = [root]
    while waiting:
        message = waiting.pop()
        if message.full_name in seen or message.file.name.startswith(OTHERS):
            continue
        seen.add(message.full_name)
        waiting.extend(field.message_type for field in message.fields if field.message_type)
        seen.update(field.enum_type.full_name for field in message.fields if field.enum_type)
    return seen


def _nested(messages: Any) -> Iterator[Descriptor]:  # noqa: ANN401 # the stubs have no name for a view of descriptors
    """Messages and those inside them; the entries of maps are their field's type and nothing of their own."""
    for message in messages:
        if message.GetOptions().map_entry:
            continue
        yield message
        yield from _nested(message.nested_types)


# Field numbers of descriptor.proto, which source info spells its paths in.
_CHILDREN = {
    "file": [(4, "message_type"), (5, "enum_type"), (6, "service"), (7, "extension")],
    "message_type": [(2, "field"), (3, "nested_type"), (4, "enum_type")],
    "nested_type": [(2, "field"), (3, "nested_type"), (4, "enum_type")],
    "enum_type": [(2, "value")],
    "service": [(2, "method")],
}


def _places(file: FileDescriptorProto) -> Iterator[tuple[str, Place]]:
    lines = {
        tuple(location.path): (location.span[0] + 1, location.span[-2 if len(location.span) == 4 else 0] + 1)
        for location in file.source_code_info.location
    }
    waiting: list[tuple[str, Any, tuple[int, ...], str]] = [("file", file, (), file.package)]
    while waiting:
        kind, owner, path, prefix = waiting.pop()
        for number, field in _CHILDREN.get(kind, []):
            for index, child in enumerate(getattr(owner, field)):
                own, name = (*path, number, index), f"{prefix}.{child.name}"
                yield name, Place(file.name, *lines.get(own, ()))
                waiting.append((field, child, own, name))
