"""The folder in which the worker processes count, so that each can tell all of their sums.

A worker counts under the number of its place, not under its process's: one that is started in the place of
another goes on where that one ended, so there are no more files than places. prometheus_client reads the
folder's name from the environment when it is first imported: this module imports nothing that does so before.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Linux keeps these files in memory: a write into one that is mapped kills its process when a disk is full.
MEMORY = Path("/dev/shm")  # noqa: S108 # as safe as the temporary folder, by mkdtemp
PREFIX = "prism-edge-"
# The master's own; workers have those above it.
_place = 0


def open_folder() -> Path:
    """Makes this server's folder and names it in the environment.

    Folders that killed servers left behind are removed.
    """
    home = _home()
    for old in home.glob(f"{PREFIX}*-*"):
        owner = old.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not _runs(int(owner)):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=home))
    os.environ[VARIABLE] = str(folder)
    from prometheus_client import values

    by_place = values.MultiProcessValue(process_identifier=lambda: _place)  # type: ignore[no-untyped-call] # prometheus_client leaves it untyped
    values.ValueClass = by_place
    return folder


def free_place(taken: Iterable[int]) -> int:
    """The lowest place that no worker has."""
    others = set(taken)
    return next(place for place in count(1) if place not in others)


def take_place(place: int) -> None:
    """Counts under a place's number from now on, in the process that has it."""
    global _place
    _place = place


def _home() -> Path:
    """Memory, unless this machine has none that is a folder, or its operator chose another place."""
    return MEMORY if MEMORY.is_dir() and "TMPDIR" not in os.environ else Path(tempfile.gettempdir())


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
