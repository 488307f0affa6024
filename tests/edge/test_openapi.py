"""The API's description is valid, whole, and shown to people."""

import re
from dataclasses import replace

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from openapi_spec_validator import validate

from edge.openapi.document import command_operation
from edge.openapi.schemas import Schemas
from tests.edge.client import Edge
from tests.edge.samples import CONTRACT, ROUTED

# What Flask adds by itself.
IMPLIED = {"HEAD", "OPTIONS"}


def test_it_is_valid(edge: Edge) -> None:
    validate(edge.document)
    assert edge.document["openapi"] == "3.1.0"


def test_it_has_every_route_and_no_other(edge: Edge) -> None:
    served = {
        (verb, re.sub("<(.*?)>", r"{\1}", rule.rule))
        for rule in edge.app.url_map.iter_rules()
        for verb in (rule.methods or set()) - IMPLIED
    }
    described = {
        (verb.upper(), path) for path, operations in edge.document["paths"].items() for verb in operations
    }
    assert served == described


def test_every_command_says_its_roles_rejections_and_body(edge: Edge) -> None:
    for command, route in ROUTED:
        operation = edge.document["paths"][route.path][route.verb.lower()]
        assert operation["operationId"] == command.name
        assert operation["summary"]
        assert all(role in operation["description"] for role in command.roles)
        for code in {*command.rejects, "VERSION_MISMATCH", "IDEMPOTENCY_KEY_IN_FLIGHT"}:
            assert f"`{code}`" in operation["responses"]["409"]["description"]
        assert ("requestBody" in operation) == route.has_body


def test_a_body_has_its_rules_and_not_the_fields_of_its_path(edge: Edge) -> None:
    schema = edge.document["components"]["schemas"]["AddItemToCart"]
    assert set(schema["properties"]) == {"productId", "quantity"}
    assert schema["properties"]["quantity"] == {
        "type": "integer",
        "format": "int32",
        "minimum": 1,
        "maximum": 999,
    }
    assert set(schema["required"]) == {"productId", "quantity"}
    assert schema["additionalProperties"] is False


def test_comments_of_the_contract_are_its_words(edge: Edge) -> None:
    assert edge.document["paths"]["/v1/carts/{cart_id}"]["get"]["summary"] == "One's own cart."
    price = edge.document["components"]["schemas"]["RegisterProduct"]["properties"]["price"]
    assert "Must be more than 0." in price["description"]


def test_public_queries_need_no_token(edge: Edge) -> None:
    for query in CONTRACT.queries.values():
        operation = edge.document["paths"][query.route.path]["get"]
        assert (operation.get("security") == []) == query.public


def deprecated_copy(method: MethodDescriptor, field: str) -> MethodDescriptor:
    """The method, and a field of its request, as a later contract may have them."""
    pool = DescriptorPool()

    def add(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            add(dependency)
        copy = FileDescriptorProto()
        file.CopyToProto(copy)
        if file is method.containing_service.file:
            service = copy.service[method.containing_service.index]
            service.method[method.index].options.deprecated = True
            message = next(item for item in copy.message_type if item.name == method.input_type.name)
            next(item for item in message.field if item.name == field).options.deprecated = True
        pool.Add(copy)

    add(method.containing_service.file)
    service = pool.FindServiceByName(method.containing_service.full_name)
    return service.methods_by_name[method.name]


def test_what_the_contract_calls_deprecated_is_marked() -> None:
    add = next(command for command, _ in ROUTED if command.name == "AddItemToCart")
    assert add.route
    old = deprecated_copy(add.descriptor, "quantity")
    assert "deprecated" not in command_operation(add, add.route, Schemas())
    assert command_operation(replace(add, descriptor=old), add.route, Schemas())["deprecated"] is True
    schemas = Schemas()
    schemas.request(old.input_type)
    properties = schemas.components["AddItemToCartInput"]["properties"]
    assert [name for name, schema in properties.items() if schema.get("deprecated")] == ["quantity"]


def test_the_page_shows_every_operation_and_loads_nothing(edge: Edge) -> None:
    answer = edge.get("/docs", by=None)
    page = answer.get_data(as_text=True)
    assert answer.content_type == "text/html; charset=utf-8"
    for path, operations in edge.document["paths"].items():
        assert f"<code>{path}</code>" in page
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in page
    assert "<script" not in page
    assert not re.findall(r"""(?:src|href)=["'](?!#|openapi\.json)""", page)
    assert "{{" not in page
