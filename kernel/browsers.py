"""What browsers are told: how far to trust an answer, and which pages of other origins may read it.

Both are WSGI middleware around a whole application, so that no answer goes without. Only what
PRISM_CORS_ORIGINS lists is let in, compared letter by letter: no patterns, no `*`, no `null`.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kernel.errors import ConfigurationError
from kernel.settings import Settings

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]

ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    # Pages elsewhere may not embed it as a picture or a script; what CORS lets in is let in.
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
POLICY = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
# Where the request came over TLS: browsers come that way alone from now on.
ONLY_TLS = ("Strict-Transport-Security", "max-age=31536000")

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
ASKED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, Last-Event-ID, "
    "traceparent, tracestate"
)
SHOWN_HEADERS = (
    "Location, ETag, Prism-Stream-Cursor, Idempotency-Replayed, Preference-Applied, Retry-After, "
    "WWW-Authenticate, traceparent"
)
# How long a browser remembers that it may ask.
MAX_AGE_S = 600
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*)(:[0-9]{1,5})?")
_VARY = ("Vary", "Origin")


def read_origins(settings: Settings) -> frozenset[str]:
    """The origins that may call. ConfigurationError for what no browser sends as one."""
    named = [origin.strip() for origin in settings.prism_cors_origins.split(",")]
    origins = frozenset(origin for origin in named if origin)
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                f"`PRISM_CORS_ORIGINS` takes origins as a browser sends them, `https://shop.example` or with a "
                f"port, comma separated; {origin[:80]!r} is none"
            )
    return origins


def secured(inner: "WSGIApplication") -> "WSGIApplication":
    """Every answer says how far a browser may trust it; one that says so itself is left as it is."""

    def outer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        more: Headers = [*ALWAYS, ONLY_TLS] if environ["wsgi.url_scheme"] == "https" else list(ALWAYS)

        def start(
            status: str, headers: Headers, exc_info: "OptExcInfo | None" = None
        ) -> Callable[[bytes], object]:
            own_policy = any(name == POLICY[0] for name, _ in headers)
            headers.extend(more if own_policy else (*more, POLICY))
            return start_response(status, headers, exc_info)

        return inner(environ, start)

    return outer


def shared(inner: "WSGIApplication", origins: frozenset[str]) -> "WSGIApplication":
    """Lets pages of these origins call and read the answers, credentials included. None: nothing changes.

    A preflight is answered here. A request of another origin is answered as ever, and its browser keeps
    the answer from the page.
    """
    if not origins:
        return inner

    def outer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN", "")
        let_in: Headers = [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Allow-Credentials", "true"),
        ]
        if origin not in origins:
            let_in = []
        elif environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            start_response("204 No Content", [*let_in, *_PREFLIGHT, _VARY])
            return []
        else:
            let_in.append(("Access-Control-Expose-Headers", SHOWN_HEADERS))

        def start(
            status: str, headers: Headers, exc_info: "OptExcInfo | None" = None
        ) -> Callable[[bytes], object]:
            return start_response(status, [*headers, *let_in, _VARY], exc_info)

        return inner(environ, start)

    return outer


_PREFLIGHT = (
    ("Access-Control-Allow-Methods", METHODS),
    ("Access-Control-Allow-Headers", ASKED_HEADERS),
    ("Access-Control-Max-Age", str(MAX_AGE_S)),
    ("Cache-Control", "no-store"),
)
