"""A whole stack: what `make run` promises about processes, addresses and the commands that it prints."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dev.folder import lock
from dev.plan import PORTS, SERVICES
from dev.ports import PortBlock
from dev.probes import get
from dev.stack import Stack, running


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as stack:
        yield stack


def test_a_stack_is_ready_when_it_is_handed_over(stack: Stack) -> None:
    assert get(f"{stack.edge_url}/readyz")[0] == 200
    assert all(state.pid for state in stack.states().values())


@pytest.mark.parametrize("service", [*SERVICES, "redis"])
def test_a_service_that_is_killed_is_started_again(stack: Stack, service: str) -> None:
    pid = stack.kill(service, with_workers=True)

    stack.wait_restarted(service, pid)

    assert stack.pid(service) not in (0, pid)
    assert not psutil.pid_exists(pid)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the commands use curl")
def test_make_run_prints_commands_that_work_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    block = PortBlock()
    env = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}
    env |= {name: str(block.take()) for name in PORTS} | {"PRISM_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "dev.run"]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as terminal:
        try:
            assert terminal.stdout is not None
            printed = "".join(iter(terminal.stdout.readline, "Ctrl-C stops everything.\n"))
            processes = psutil.Process(terminal.pid).children(recursive=True)
            commands = "#" + printed.partition("#")[2]

            tried = subprocess.run(
                ["bash", "-c", f"{commands}\nsleep 1\nkill %%"], capture_output=True, text=True, check=False
            )
        finally:
            # The terminal signals its whole group.
            os.killpg(terminal.pid, signal.SIGINT)

    assert [line for line in tried.stdout.splitlines() if line.startswith("HTTP/")] == ["HTTP/1.1 200 OK"] * 2
    assert '"topic":"cart/c1"' in tried.stdout
    assert terminal.returncode == 0
    assert len(processes) > len(SERVICES)
    assert not any(process.is_running() for process in processes)
    os.close(lock(tmp_path))
    block.release()
