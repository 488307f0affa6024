"""The WSGI application: the streams, metrics, and whether the process lives."""

from flask import Blueprint, Flask

from kernel.tokens import Tokens
from stream_svc.hub import Hub
from stream_svc.problems import answer_with_problems
from stream_svc.telemetry import add_telemetry


def create_app(streams: Blueprint, tokens: Tokens, hub: Hub) -> Flask:
    """The application that serves a blueprint of streams."""
    app = Flask(__name__, static_folder=None)
    add_telemetry(app, tokens, hub)
    app.register_blueprint(streams)
    answer_with_problems(app)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
