"""A real Redis of the tests' own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

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

    @contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """It drops all connections and takes none while the block runs, and keeps what it knows."""
        with Redis.from_url(self.url, single_connection_client=True) as own:
            own.config_set("port", 0)
            own.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            try:
                yield
            finally:
                own.config_set("port", self._port)
        eventually(lambda: listens(f"127.0.0.1:{self._port}"))

    def close(self) -> None:
        """Stops it for good."""
        self.stop()
        self._block.release()
