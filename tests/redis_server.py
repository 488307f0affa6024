"""A real Redis of the tests' own."""

import subprocess
from pathlib import Path

from dev.ports import PortBlock
from dev.probes import listens
from dev.redis import command
from tests.support import eventually


class RedisServer:
    """A server on a port of its own, which forgets everything when it stops."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._block = PortBlock()
        self._port = self._block.take()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Returns when it takes connections."""
        self._process = subprocess.Popen(command(self._port, self._folder), stdout=subprocess.DEVNULL)
        eventually(lambda: listens(f"127.0.0.1:{self._port}"))

    def stop(self) -> None:
        """Returns when it is gone."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Stops it for good."""
        self.stop()
        self._block.release()
