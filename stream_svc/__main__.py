"""`python -m stream_svc`: serves streams in the foreground, until SIGTERM or SIGINT."""

import sys

from kernel import log
from kernel.errors import ConfigurationError
from kernel.tokens import open_tokens
from kernel.worker import settings_or_exit
from stream_svc.server import serve


def main() -> None:
    """Starts the service."""
    settings = settings_or_exit()
    log.set_up(settings, "stream_svc")
    try:
        # Here, so that a wrong key ends the process with its name; the workers open their own.
        open_tokens(settings)
    except ConfigurationError as error:
        sys.exit(f"configuration: {error}")
    serve(settings)


if __name__ == "__main__":
    main()
