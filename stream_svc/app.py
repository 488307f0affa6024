"""The WSGI application: the streams, metrics, and whether the process lives."""

from flask import Blueprint, Flask

from kernel.browsers import secured, shared
from kernel.tokens import Tokens
from stream_svc.hub import Hub
from stream_svc.problems import answer_with_problems
from stream_svc.telemetry import add_telemetry


def create_app(streams: Blueprint, tokens: Tokens, hub: Hub, origins: frozenset[str]) -> Flask:
    """The application that serves a blueprint of streams, which pages of the origins may read."""
    app = Flask(__name__, static_folder=None)
    add_telemetry(app, tokens, hub)
    app.register_blueprint(streams)
    answer_with_problems(app)
    app.wsgi_app = shared(secured(app.wsgi_app), origins)  # type: ignore[assignment, method-assign] # as Flask's documentation has it

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
