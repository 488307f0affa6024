"""The contract: what the descriptors in `generated/` say of commands, queries, events and views.

Everything that a service does for every command, query, event or view alike, it reads here.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from prism.options.v1 import options_pb2

# `type` is also the name of a field below.
MessageType = type[Message]
GENERATED = Path(options_pb2.__file__).parents[3]
# The subscriber that tells the world: outcomes and updates go out once its views are saved.
ANNOUNCER = "views"


@dataclass(frozen=True, slots=True)
class Route:
    """An HTTP route: the verb, and the path with its fields in braces."""

    verb: str
    path: str
    has_body: bool

    @property
    def fields(self) -> list[str]:
        """The message's fields that the path carries."""
        return re.findall(r"{(\w+)}", self.path)


@dataclass(frozen=True, slots=True)
class Command:
    """A command: an rpc of a `...Commands` service."""

    # The short name, as the batch route and the docs use it.
    name: str
    # Full protobuf name of the request, as envelopes use it.
    type: str
    message: MessageType
    # The aggregate that decides on it, and the template of its stream.
    aggregate: str
    stream: str
    # Who may send it; empty for a command that only policies send. Such a command has no route.
    roles: frozenset[str]
    rejects: tuple[str, ...]
    route: Route | None
    descriptor: MethodDescriptor = field(repr=False)


@dataclass(frozen=True, slots=True)
class View:
    """A view: rows of one message."""

    name: str
    message: MessageType
    # The first one's streams give the row its version.
    aggregates: tuple[str, ...]
    subscriber: str
    owner_field: str
    topics: tuple[str, ...]
    # Whether a key's row is kept in parts.
    parts: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A query: an rpc of a `...Queries` service."""

    name: str
    message: MessageType
    answer: MessageType
    view: View
    partition: str
    # Template of the one row; empty where the answer is a list, which goes into `list_field`.
    key: str
    first_key: str
    last_key: str
    list_field: str
    roles: frozenset[str]
    public: bool
    search_fields: tuple[str, ...]
    route: Route
    descriptor: MethodDescriptor = field(repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """An event: a message that streams keep for ever."""

    # The short name, as answers show it. A successor in a later package may share it.
    name: str
    # Full protobuf name, as envelopes use it.
    type: str
    message: MessageType
    aggregate: str
    # Full name of the message that took over from it; empty for a current event.
    successor: str


@dataclass(frozen=True, slots=True)
class Contract:
    """All of it. Commands and events by type (full name), queries and views by name."""

    commands: Mapping[str, Command]
    queries: Mapping[str, Query]
    events: Mapping[str, Event]
    views: Mapping[str, View]

    def events_of(self, aggregates: Iterable[str]) -> frozenset[str]:
        """The types of all events of some aggregates, those of earlier releases too."""
        named = frozenset(aggregates)
        return frozenset(event.type for event in self.events.values() if event.aggregate in named)

    def with_predecessors(self, types: Iterable[str]) -> frozenset[str]:
        """Current event types, and the earlier ones that are read as them."""
        found = set(types)
        while more := {e.type for e in self.events.values() if e.successor in found} - found:
            found |= more
        return frozenset(found)


def fill(template: str, values: Callable[[str], object]) -> str:
    """Fills a template's braces: `cart-{cart_id}` with what `values("cart_id")` answers."""
    return re.sub(r"{(\w+)}", lambda match: str(values(match[1])), template)


def fill_from(template: str, message: Message) -> str:
    """Fills a template from a message's fields: `cart-{cart_id}` gives `cart-c1`."""
    return fill(template, lambda name: getattr(message, name))


def aggregate_of(stream: str) -> str:
    """The aggregate that a stream belongs to: `cart-c1` is a cart's."""
    return stream.partition("-")[0]


@cache
def load() -> Contract:
    """Reads the contract from every module in `generated/`. Costs once a process."""
    files = [
        importlib.import_module(".".join(path.relative_to(GENERATED).with_suffix("").parts)).DESCRIPTOR
        for path in sorted(GENERATED.glob("prism/**/*_pb2.py"))
    ]
    messages = [message for file in files for message in file.message_types_by_name.values()]
    methods = [
        method for file in files for service in file.services_by_name.values() for method in service.methods
    ]
    views = {view.name: view for message in messages for view in _views(message)}
    events = [_event(message) for message in messages if _has(message, options_pb2.event)]
    commands = [_command(method) for method in methods if _has(method, options_pb2.command)]
    queries = [_query(method, views) for method in methods if _has(method, options_pb2.query)]
    return Contract(
        commands={command.type: command for command in commands},
        queries={query.name: query for query in queries},
        events={event.type: event for event in events},
        views=views,
    )


def _has(descriptor: Descriptor | MethodDescriptor, extension: FieldDescriptor) -> bool:
    return bool(descriptor.GetOptions().HasExtension(extension))  # type: ignore[arg-type] # the stubs know extensions by another type


def _options(descriptor: Descriptor | MethodDescriptor, extension: FieldDescriptor) -> Any:  # noqa: ANN401 # the extension's own type
    return descriptor.GetOptions().Extensions[extension]  # type: ignore[index] # the stubs know extensions by another type


def _event(message: Descriptor) -> Event:
    options = _options(message, options_pb2.event)
    # prism.<aggregate>.v1.<Name>
    aggregate = message.full_name.split(".")[1]
    return Event(message.name, message.full_name, GetMessageClass(message), aggregate, options.successor)


def _views(message: Descriptor) -> list[View]:
    return [
        View(
            name=options.name,
            message=GetMessageClass(message),
            aggregates=tuple(options.aggregates),
            subscriber=options.subscriber,
            owner_field=options.owner_field,
            topics=tuple(options.topics),
            parts=options.parts,
        )
        for options in _options(message, options_pb2.views)
    ]


def _command(method: MethodDescriptor) -> Command:
    options = _options(method, options_pb2.command)
    return Command(
        name=method.name,
        type=method.input_type.full_name,
        message=GetMessageClass(method.input_type),
        aggregate=aggregate_of(options.stream),
        stream=options.stream,
        roles=frozenset(options.roles),
        rejects=tuple(options.rejects),
        route=_route(method),
        descriptor=method,
    )


def _query(method: MethodDescriptor, views: Mapping[str, View]) -> Query:
    options = _options(method, options_pb2.query)
    view = views[options.view]
    route = _route(method)
    assert route, f"{method.full_name} needs a google.api.http route"
    row = view.message.DESCRIPTOR
    lists = [f.name for f in method.output_type.fields if f.message_type is row]
    return Query(
        name=method.name,
        message=GetMessageClass(method.input_type),
        answer=GetMessageClass(method.output_type),
        view=view,
        partition=options.partition,
        key=options.key,
        first_key=options.first_key,
        last_key=options.last_key,
        list_field="" if options.key else lists[0],
        roles=frozenset(options.roles),
        public=options.public,
        search_fields=tuple(options.search_fields),
        route=route,
        descriptor=method,
    )


def _route(method: MethodDescriptor) -> Route | None:
    rule = _options(method, annotations_pb2.http)
    verb = rule.WhichOneof("pattern")
    return Route(verb.upper(), getattr(rule, verb), bool(rule.body)) if verb else None
