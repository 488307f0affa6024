"""The API's description, served as JSON and as a page."""

import re
from typing import Any

import msgspec
from flask import Flask, Response, render_template
from markupsafe import Markup, escape

from edge.openapi.document import build_document
from kernel.contract import Contract

VERBS = ["get", "post", "put", "patch", "delete"]
# The page has its style in itself and loads nothing.
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def add_docs(app: Flask, contract: Contract, *, dev: bool) -> None:
    """Adds /openapi.json and /docs."""
    document = build_document(contract, dev=dev)
    body = msgspec.json.encode(document)
    app.jinja_env.filters["marked"] = marked
    with app.app_context():
        page = render_template("docs.html", document=document, groups=groups(document))

    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(body, content_type="application/json")

    @app.get("/docs")
    def docs() -> Response:
        answer = Response(page, content_type="text/html; charset=utf-8")
        answer.headers["Content-Security-Policy"] = PAGE_POLICY
        return answer


def marked(text: str | None) -> Markup:
    """Text with its `names` set as code."""
    return Markup(re.sub("`(.+?)`", r"<code>\1</code>", str(escape(text or ""))))  # noqa: S704 escaped before


def groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, sorted by path, with every reference looked up."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for verb in sorted(operations, key=VERBS.index):
            operation = operations[verb]
            shown = {"verb": verb.upper(), "path": path, **_resolved(operation, document)}
            found.setdefault(operation["tags"][0], []).append(shown)
    return dict(sorted(found.items()))


def _resolved(operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return {
        "operation": operation,
        "parameters": [_follow(item, document) for item in operation.get("parameters", [])],
        "body": _follow(body, document) if body else None,
        "responses": {
            status: _follow(answer, document) for status, answer in sorted(operation["responses"].items())
        },
    }


def _follow(item: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in item:
        return item
    target: Any = document
    for part in item["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return dict(target)
