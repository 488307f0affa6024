"""The data folder of a stack: held by one stack at a time, private to its user."""

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path


class FolderInUse(Exception):
    """A stack that runs holds the folder; the text says which process, and what to do."""


def lock(folder: Path) -> int:
    """Makes the folder and takes it: an open file that holds it until it is closed everywhere.

    FolderInUse at once when another stack has it. A stack that was killed holds nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode().strip()
        os.close(descriptor)
        raise FolderInUse(
            f"{folder} is in use by a stack that runs (process {holder}): stop that one, or set "
            "PRISM_DATA_DIR to another folder and PRISM_EDGE_PORT and the other ports to other numbers."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def token_key(folder: Path) -> str:
    """The key that signs the folder's development tokens: made once, readable by its owner only."""
    path = folder / "dev-token-key"
    with suppress(FileExistsError), open(path, "x", opener=_private) as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
