"""`python -m stream_svc`: serves streams in the foreground, until SIGTERM or SIGINT."""

from kernel.telemetry import log
from kernel.worker import settings_or_exit
from stream_svc.server import serve


def main() -> None:
    """Starts the service."""
    settings = settings_or_exit()
    log.set_up(settings, "stream_svc")
    serve(settings)


if __name__ == "__main__":
    main()
