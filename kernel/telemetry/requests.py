"""Counts and times the requests of a Flask application."""

import time
from functools import cache

from flask import Flask, Response, g, request

from kernel.telemetry.metrics import HTTP_REQUESTS, HTTP_SECONDS, bound

# A label's values must be few, and a request can name any method.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "OTHER"
# Of a request for a path that no route has, or that broke HTTP before its path was read.
NO_ROUTE = "none"

_requests = bound(HTTP_REQUESTS)
_seconds = bound(HTTP_SECONDS)


def observe(app: Flask) -> None:
    """Counts every request of the application once it is answered. A stream is answered when it opens."""

    @app.before_request
    def begin() -> None:
        g.began_at = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        method = request.method if request.method in METHODS else OTHER_METHOD
        _requests(route(), method, str(response.status_code)).inc()
        _seconds(route(), method).observe(time.perf_counter() - g.began_at)
        return response


def count_broken(status: int) -> None:
    """Counts a request that broke HTTP and reached no application."""
    _requests(NO_ROUTE, OTHER_METHOD, str(status)).inc()


def route() -> str:
    """The template of the request's route: `/v1/carts/{cart_id}`."""
    return _template(request.url_rule.rule) if request.url_rule else NO_ROUTE


@cache
def _template(rule: str) -> str:
    return rule.replace("<", "{").replace(">", "}")
