"""The API's description is valid, whole, and shown to people."""

import re

from openapi_spec_validator import validate

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
