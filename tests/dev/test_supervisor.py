"""supervisord for real, with small programs in the place of the services."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dev.ports import is_free
from dev.supervisor import Program, Supervisor, SupervisorFailed, configuration

# Says that it started, and on SIGTERM that it stopped in good order.
SERVICE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("stopped"), sys.exit(0)))
print("started", flush=True)
while True: time.sleep(60)
"""


def service(folder: Path, code: str = SERVICE) -> list[str]:
    program = folder / f"{len(list(folder.glob('*.py')))}.py"
    program.write_text(code)
    return [sys.executable, str(program)]


def eventually(holds: Callable[[], bool], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # A folder with what trips shells and configuration files, and too long for a socket's path.
    folder = tmp_path / ("50% of 'it' " + "x" * 90)
    folder.mkdir()
    return folder


@pytest.fixture
def supervisor(folder: Path) -> Iterator[Supervisor]:
    programs = [
        Program(name, service(folder), group) for name, group in (("first", "one"), ("second", "two"))
    ]
    supervisor = Supervisor(programs, folder, folder, dict(os.environ))
    supervisor.start()
    yield supervisor
    supervisor.stop()


def test_only_the_first_group_starts_by_itself(supervisor: Supervisor) -> None:
    states = supervisor.states()
    assert states["second"].state == "STOPPED"
    assert states["second"].pid == 0
    eventually(lambda: supervisor.states()["first"].pid > 0)

    supervisor.start_program("second")
    eventually(lambda: supervisor.states()["second"].state == "RUNNING")


def test_a_program_that_is_killed_is_started_again(supervisor: Supervisor) -> None:
    eventually(lambda: supervisor.states()["first"].state == "RUNNING")
    pid = supervisor.states()["first"].pid

    os.kill(pid, signal.SIGKILL)

    eventually(lambda: supervisor.states()["first"].pid not in (0, pid))


def test_a_program_that_is_stopped_stays_stopped(supervisor: Supervisor, folder: Path) -> None:
    eventually(lambda: "started" in (folder / "first.log").read_text())

    supervisor.stop_program("first")

    assert supervisor.states()["first"].state == "STOPPED"
    assert "stopped" in (folder / "first.log").read_text()


def test_stop_lets_programs_finish_and_leaves_no_process(supervisor: Supervisor, folder: Path) -> None:
    eventually(lambda: "started" in (folder / "first.log").read_text())
    # Other tests' processes are this one's children, too.
    parent = psutil.Process(supervisor.states()["first"].pid).parent()
    assert parent
    started = [parent, *parent.children(recursive=True)]

    supervisor.stop()

    assert not supervisor.alive()
    assert not any(process.is_running() for process in started)
    assert "stopped" in (folder / "first.log").read_text()


def test_programs_end_even_if_supervisord_is_killed(supervisor: Supervisor) -> None:
    eventually(lambda: supervisor.states()["first"].pid > 0)
    program = psutil.Process(supervisor.states()["first"].pid)
    parent = program.parent()
    assert parent is not None
    parent.kill()
    eventually(lambda: not supervisor.alive())

    supervisor.stop()

    assert not program.is_running()


# Answers connections on the socket that it was handed; a second program has none.
SERVER = """
import os, signal, socket
assert os.environ["LISTEN_PID"] == str(os.getpid()) and os.environ["LISTEN_FDS"] == "1"
listener = socket.socket(fileno=3)
while True: listener.accept()[0].sendall(str(os.getpid()).encode())
"""
BYSTANDER = """
import os, time
print("has" if "LISTEN_FDS" in os.environ or os.path.exists("/proc/self/fd/3") else "has not", flush=True)
time.sleep(60)
"""


def test_connections_wait_for_a_program_that_is_away(folder: Path) -> None:
    ours = socket.create_server(("127.0.0.1", 0))
    address = ours.getsockname()
    programs = [
        Program(name, service(folder, code), "one")
        for name, code in (("server", SERVER), ("bystander", BYSTANDER))
    ]
    supervisor = Supervisor(programs, folder, folder, dict(os.environ), listeners={"server": ours.fileno()})
    supervisor.start()
    ours.close()

    def served_by() -> int:
        with socket.create_connection(address, timeout=15) as connection:
            return int(connection.recv(16))

    try:
        first = served_by()
        assert first == supervisor.states()["server"].pid
        supervisor.stop_program("server")
        with socket.create_connection(address, timeout=15) as waiting:
            supervisor.start_program("server")
            second = int(waiting.recv(16))
        os.kill(second, signal.SIGKILL)
        assert len({first, second, served_by()}) == 3
        eventually(lambda: "has" in (folder / "bystander.log").read_text())
        assert "has not" in (folder / "bystander.log").read_text()
    finally:
        supervisor.stop()
    assert is_free(address[1])


STARTER = """
import os, sys, time
from pathlib import Path
from dev.supervisor import Program, Supervisor
folder = Path(sys.argv[1])
program = Program("orphan", sys.argv[2:], "one")
supervisor = Supervisor([program], folder, folder, dict(os.environ))
supervisor.start()
while "started" not in (folder / "orphan.log").read_text(): time.sleep(0.05)
print(supervisor.states()["orphan"].pid, flush=True)
time.sleep(60)
"""


def test_programs_end_even_if_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path), *service(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        program = psutil.Process(int(starter.stdout.readline()))
        starter.kill()

    eventually(lambda: not program.is_running())


def test_what_supervisord_says_is_told_when_it_does_not_start(folder: Path) -> None:
    broken = Supervisor([Program("not:a:name", service(folder), "one")], folder, folder, dict(os.environ))
    with pytest.raises(SupervisorFailed, match="not:a:name"):
        broken.start()
    broken.stop()


def test_the_configuration_opens_no_port_and_holds_no_environment(folder: Path) -> None:
    written = configuration([Program("first", service(folder), "one")], folder, folder, folder / "s")

    assert "inet_http_server" not in written
    assert "environment=\n" in written
    assert "autorestart=true" in written
    assert "stopsignal=TERM" in written
