"""Problems: every error that the stream's port answers, as RFC 9457 has it, with a stable `code`."""

from collections.abc import Mapping

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from kernel.problems import response

# What a client waits that finds no place: `retry:` of a stream is the same.
RETRY_AFTER_S = 2
_CODES = {404: "ROUTE_NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


class Problem(Exception):
    """An error to answer in place of a stream."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers or {}

    def response(self) -> Response:
        """The problem as an answer."""
        return response(self.status, self.code, str(self), headers=self.headers)


def malformed(detail: str) -> Problem:
    """A request that cannot be read."""
    return Problem(400, "MALFORMED_REQUEST", detail)


def unauthenticated(detail: str) -> Problem:
    """No token, or none that is valid."""
    return Problem(401, "UNAUTHENTICATED", detail, {"WWW-Authenticate": "Bearer"})


def forbidden(detail: str) -> Problem:
    """A topic that the token may not see."""
    return Problem(403, "FORBIDDEN", detail)


def unavailable(code: str, detail: str) -> Problem:
    """Something that will work again."""
    return Problem(503, code, detail, {"Retry-After": str(RETRY_AFTER_S)})


def answer_with_problems(app: Flask) -> None:
    """Makes an app answer every error as a problem."""

    @app.errorhandler(Problem)
    def problem(error: Problem) -> Response:
        return error.response()

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        code = _CODES.get(status, "INTERNAL_ERROR" if status >= 500 else "MALFORMED_REQUEST")
        # `Allow` of a 405 and the like.
        headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
        detail = "A defect of the service." if status >= 500 else error.description or ""
        return response(status, code, detail, headers=headers)
