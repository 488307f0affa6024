"""`python -m edge`: the REST server. The workers open everything they need after they are forked."""

import os
import shutil
import sys

from edge.counters import open_folder

COUNTERS = open_folder()

from edge.server import EdgeServer  # noqa: E402 the folder must be named before prometheus_client is imported
from kernel import settings  # noqa: E402 the same
from kernel.configuration import check  # noqa: E402 the same
from kernel.errors import ConfigurationError  # noqa: E402 the same
from kernel.telemetry import log  # noqa: E402 the same


def main() -> None:
    """Serves until SIGTERM or SIGINT, then answers what is under way and ends."""
    master = os.getpid()
    try:
        chosen = settings.load()
        log.set_up(chosen, "edge")
        # For its errors alone: said once and before a worker is forked.
        check(chosen)
        EdgeServer(chosen).run()
    except ConfigurationError as error:
        sys.exit(f"configuration: {error}")
    finally:
        # The workers come by here too, when they end.
        if os.getpid() == master:
            shutil.rmtree(COUNTERS, ignore_errors=True)


if __name__ == "__main__":
    main()
