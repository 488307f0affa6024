"""The WSGI application: the streams, and whether the process lives."""

from flask import Blueprint, Flask

from stream_svc.problems import answer_with_problems


def create_app(streams: Blueprint) -> Flask:
    """The application that serves a blueprint of streams."""
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(streams)
    answer_with_problems(app)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
