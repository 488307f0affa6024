"""Makes `.venv` what `requirements.lock` says: run by `make setup`, with any Python from 3.11.

Standard library only, since nothing is installed yet. Does nothing when the lock, the interpreter and
the folder are those of the last time; a run that was cut short is done again.
"""

import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "prism-setup"
PRISMCTL = VENV / "bin" / "prismctl"
# Generated contracts are imported as `prism.…`: see `generated/`.
IMPORT_ROOTS = [ROOT, ROOT / "generated"]


def works(python: Path) -> str | None:
    """The version of an interpreter that runs, None for one that is missing or broken."""
    try:
        asked = [str(python), "-c", "import sys; print(sys.version)"]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def stamp_of(version: str) -> str:
    """What an up-to-date environment is stamped with."""
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    return f"{lock}\n{version}\n{ROOT}\n"


def was_moved() -> bool:
    """True when the environment was set up in another folder: its programs name that one."""
    return STAMP.exists() and not STAMP.read_text().endswith(f"\n{ROOT}\n")


def make_environment() -> str:
    """Makes the virtual environment unless a good one of this Python is there. Its version."""
    ours = sys.version.strip()
    found = works(PYTHON)
    if found == ours and not was_moved():
        return found
    print(f"Making .venv with Python {sys.version.split()[0]}")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False)
    if made.returncode != 0:
        sys.exit("No virtual environment: on Debian and Ubuntu, `apt-get install python3-venv` first.")
    return ours


def install() -> None:
    """Installs the lock with pip as this machine has it configured."""
    count = sum("==" in line for line in LOCK.read_text().splitlines())
    print(f"Installing {count} packages into .venv (a minute or two, once)", flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r", str(LOCK)]
    # A `user = true` in somebody's pip configuration has no place in a virtual environment.
    if subprocess.run(command, check=False, env={**os.environ, "PIP_USER": "0"}).returncode != 0:
        sys.exit("pip could not install requirements.lock: see above. `make setup` tries again.")


def add_import_roots() -> None:
    """Lets every program of the environment import the project and its generated contracts."""
    asked = [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    (Path(site) / "prism.pth").write_text("".join(f"{root}\n" for root in IMPORT_ROOTS))


def add_prismctl() -> None:
    """Writes `.venv/bin/prismctl` unless it is there as it should be."""
    # By way of the shell: a path may have blanks, which a first line cannot. -P: whatever lies in the
    # caller's folder is not imported.
    launcher = f'#!/bin/sh\nexec {shlex.quote(str(PYTHON))} -P -m prismctl "$@"\n'
    if not PRISMCTL.exists() or PRISMCTL.read_text() != launcher:
        PRISMCTL.write_text(launcher)
        PRISMCTL.chmod(0o755)


def main() -> None:
    """Sets up what is missing."""
    version = make_environment()
    # Before the stamp is asked: it knows nothing of the launcher.
    add_prismctl()
    if STAMP.exists() and STAMP.read_text() == stamp_of(version):
        return
    install()
    add_import_roots()
    STAMP.write_text(stamp_of(version))


if __name__ == "__main__":
    main()
