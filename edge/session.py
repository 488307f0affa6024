"""Tokens beyond the header: the stream's cookie, and the tokens of a development stack.

The edge itself reads the Authorization header alone, so no other site can make a browser act for
its user here. The cookie is for EventSource, which can send no header.
"""

import time
from typing import Any

from flask import Flask, Response, request

from edge.bodies import json_body, read_body
from edge.callers import authorization, caller_of_request
from edge.commands import json_response
from edge.decoding import load_object
from edge.problems import invalid, malformed
from kernel.settings import Settings
from kernel.tokens import (
    MAX_SUBJECT_CHARS,
    ROLES,
    SESSION_COOKIE,
    Tokens,
    bearer_token,
    is_subject,
    issue_dev_token,
)

# Cookies know no ports: this path is stream_svc's alone.
COOKIE_PATH = "/v1/stream"


def add_session(app: Flask, settings: Settings, tokens: Tokens) -> None:
    """Adds the session's routes, and the one that issues tokens where PRISM_AUTH=dev."""

    @app.post("/v1/session")
    def open_session() -> Response:
        caller = caller_of_request(tokens)
        read_body()
        return _cookie_answer(bearer_token(authorization()), max(1, int(caller.expires_at - time.time())))

    # Needs no token: whoever leaves may have one that has ended.
    @app.delete("/v1/session")
    def close_session() -> Response:
        return _cookie_answer("", 0)

    if settings.prism_auth == "dev":

        @app.post("/v1/dev/tokens")
        def issue_token() -> Response:
            subject, roles = read_token_request(load_object(json_body()))
            return json_response({"token": issue_dev_token(settings, subject, roles)})


def read_token_request(body: dict[str, Any]) -> tuple[str, list[str]]:
    """The subject and the roles that are asked for. A Problem when they are none."""
    if body.keys() - {"subject", "roles"}:
        raise malformed("a token is asked for with `subject` and `roles`")
    subject, roles = body.get("subject", ""), body.get("roles", [])
    if not isinstance(subject, str) or not isinstance(roles, list):
        raise malformed("`subject` is a text and `roles` a list")
    if not all(isinstance(role, str) for role in roles):
        raise malformed("`roles` is a list of texts")
    violations = []
    if not is_subject(subject):
        message = f"must be 1 to {MAX_SUBJECT_CHARS} printable characters"
        violations.append({"field": "subject", "rule": "string.printable", "message": message})
    if not ROLES.issuperset(roles):
        message = f"must be of {', '.join(sorted(ROLES))}"
        violations.append({"field": "roles", "rule": "repeated.items.in", "message": message})
    if violations:
        raise invalid(violations)
    return subject, roles


def _cookie_answer(token: str, max_age_s: int) -> Response:
    answer = Response(status=204)
    del answer.headers["Content-Type"]
    answer.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=max_age_s,
        path=COOKIE_PATH,
        httponly=True,
        secure=request.is_secure,
        samesite="Strict",
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
