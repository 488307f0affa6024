"""`python -m stream_svc`: serves streams in the foreground, until SIGTERM or SIGINT."""

from kernel.worker import log_to_stderr, settings_or_exit
from stream_svc.server import serve


def main() -> None:
    """Starts the service."""
    settings = settings_or_exit()
    log_to_stderr(settings)
    serve(settings)


if __name__ == "__main__":
    main()
