"""The folder in which the worker processes count, so that each can tell all of their sums.

prometheus_client reads its name from the environment when it is first imported: this module imports
nothing that does so.
"""

import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "prism-edge-"


def open_folder() -> Path:
    """Makes this server's folder and names it in the environment.

    Folders that killed servers left behind are removed.
    """
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = old.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not _runs(int(owner)):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    os.environ[VARIABLE] = str(folder)
    return folder


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
