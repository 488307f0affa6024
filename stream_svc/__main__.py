"""`python -m stream_svc`: serves streams in the foreground, until SIGTERM or SIGINT."""

import sys

from kernel.browsers import read_origins
from kernel.errors import ConfigurationError
from kernel.worker import log_to_stderr, settings_or_exit
from stream_svc.server import serve


def main() -> None:
    """Starts the service."""
    settings = settings_or_exit()
    log_to_stderr(settings)
    try:
        # Here, so that a wrong one ends the process with its name.
        read_origins(settings)
    except ConfigurationError as error:
        sys.exit(f"configuration: {error}")
    serve(settings)


if __name__ == "__main__":
    main()
