"""`python -m edge`: the REST server. The workers open everything they need after they are forked."""

import os
import shutil
import sys
import tempfile

# Read by prometheus_client when it is imported: the workers count into files that all of them read.
METRICS_DIR = tempfile.mkdtemp(prefix="prism-edge-metrics-")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = METRICS_DIR

from edge.server import EdgeServer  # noqa: E402 the folder must be named before prometheus_client is imported
from kernel import settings  # noqa: E402 the same
from kernel.errors import ConfigurationError  # noqa: E402 the same


def main() -> None:
    """Serves until SIGTERM or SIGINT, then answers what is under way and ends."""
    master = os.getpid()
    try:
        EdgeServer(settings.load()).run()
    except ConfigurationError as error:
        sys.exit(f"edge: {error}")
    finally:
        # The workers come by here too, when they end.
        if os.getpid() == master:
            shutil.rmtree(METRICS_DIR, ignore_errors=True)


if __name__ == "__main__":
    main()
