"""The folder in which the worker processes count, so that each can tell all of their sums.

prometheus_client reads its name from the environment when it is first imported: this module imports
nothing that does so.
"""

import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Linux keeps these files in memory: a write into one that is mapped kills its process when a disk is full.
MEMORY = Path("/dev/shm")  # noqa: S108 # as safe as the temporary folder, by mkdtemp
PREFIX = "prism-edge-"


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
    return folder


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
