"""Runs programs under supervisord: one that dies is started again, all stop together."""

import configparser
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor import xmlrpc

ROOT = Path(__file__).resolve().parent.parent
# What a program has to finish its work after SIGTERM; then it is killed.
STOP_WAIT_S = 12
# A Unix socket's path fits in 104 bytes on macOS, 108 on Linux.
LONGEST_SOCKET = 100


class SupervisorFailed(Exception):
    """supervisord did not start, or has ended; the text says what it printed."""


@dataclass(frozen=True)
class Program:
    """A program in the foreground that stops on SIGTERM."""

    name: str
    command: Sequence[str]
    # Programs of a later group start when they are told to, and stop before those of an earlier one.
    group: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """What supervisord knows of a program."""

    name: str
    # STARTING, RUNNING, BACKOFF (it ended within a second of its start), STOPPING, STOPPED, EXITED, FATAL.
    state: str
    # 0 while it does not run.
    pid: int
    started_at: float


def configuration(programs: Sequence[Program], run: Path, logs: Path, socket: Path) -> str:
    """supervisord's configuration. Groups in the order of their first program; no port is opened."""
    config = configparser.RawConfigParser()
    config["supervisord"] = {
        "nodaemon": "true",
        "silent": "true",
        "logfile": _text(str(logs / "supervisord.log")),
        "logfile_maxbytes": "5MB",
        "logfile_backups": "1",
        "pidfile": _text(str(run / "supervisord.pid")),
        "childlogdir": _text(str(logs)),
        # An SSE stream is a file descriptor: have as many as the system gives without asking.
        "minfds": str(_open_files()),
    }
    if os.geteuid() == 0:
        config["supervisord"]["user"] = "root"
    config["unix_http_server"] = {"file": _text(str(socket)), "chmod": "0700"}
    config["supervisorctl"] = {"serverurl": _text(f"unix://{socket}")}
    interface = "supervisor.rpcinterface:make_main_rpcinterface"
    config["rpcinterface:supervisor"] = {"supervisor.rpcinterface_factory": interface}
    groups = list(dict.fromkeys(program.group for program in programs))
    for priority, group in enumerate(groups):
        members = ",".join(program.name for program in programs if program.group == group)
        config[f"group:{group}"] = {"programs": members, "priority": str(priority)}
    for program in programs:
        config[f"program:{program.name}"] = {
            "command": _text(shlex.join(program.command)),
            "directory": _text(str(ROOT)),
            "environment": _text(_text(",".join(f'{name}="{value}"' for name, value in program.env.items()))),
            "autostart": "true" if program.group == groups[0] else "false",
            "autorestart": "true",
            "startretries": "1000000",
            "stopsignal": "TERM",
            "stopwaitsecs": str(STOP_WAIT_S),
            # A gunicorn master stops its own workers; only one that hangs is killed with them.
            "stopasgroup": "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            # Expanded once as every value is, and once more as a file name.
            "stdout_logfile": _text(_text(str(logs / f"{program.name}.log"))),
            "stdout_logfile_maxbytes": "5MB",
            "stdout_logfile_backups": "2",
        }
    lines = [f"; Written at every start; `{Path(sys.executable).parent}/supervisorctl -c` this file works."]
    for section in config.sections():
        lines += ["", f"[{section}]", *(f"{name}={value}" for name, value in config[section].items())]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A value with supervisord's `%(…)s` expressions switched off."""
    return value.replace("%", "%%")


def _open_files() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)


class Supervisor:
    """A supervisord of one's own, with its files in `run` and its programs' logs in `logs`."""

    def __init__(
        self,
        programs: Sequence[Program],
        run: Path,
        logs: Path,
        env: Mapping[str, str],
        hold: Sequence[int] = (),
        listeners: Mapping[str, int] | None = None,
    ) -> None:
        self._programs = {program.name: program for program in programs}
        self._run = run
        self._logs = logs
        self._env = dict(env)
        # File descriptors that stay open until supervisord has ended: the lock of the data folder.
        self._hold = tuple(hold)
        # Sockets that listen for a program, by its name, whether it runs or not. See `dev.supervisord`.
        self._listeners = dict(listeners or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = run / "supervisord.sock"
        self._short: tempfile.TemporaryDirectory[str] | None = None
        # Programs as last seen, for the case that supervisord itself is killed and leaves them behind.
        self._seen: dict[int, psutil.Process] = {}

    def start(self) -> None:
        """Starts supervisord and the first group. SupervisorFailed within ten seconds if it cannot.

        Once it has started, it keeps the descriptors open: the caller's may be closed.
        """
        if len(os.fsencode(self._socket)) > LONGEST_SOCKET:
            self._short = tempfile.TemporaryDirectory(prefix="prism-", dir="/tmp")
            self._socket = Path(self._short.name) / "supervisord.sock"
        config = self._run / "supervisord.conf"
        config.write_text(configuration(list(self._programs.values()), self._run, self._logs, self._socket))
        listeners = [f"{name}={descriptor}" for name, descriptor in self._listeners.items()]
        printed = self._run / "supervisord.out"
        with printed.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dev.supervisord", str(config), *listeners],
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(*self._hold, *self._listeners.values()),
                # The terminal's Ctrl-C is for whoever started us: they stop us in good order.
                start_new_session=True,
            )
        deadline = time.monotonic() + 10
        while not self._answers():
            if not self.alive() or time.monotonic() > deadline:
                raise SupervisorFailed(f"supervisord did not start:\n{printed.read_text().strip()}")
            time.sleep(0.02)

    def alive(self) -> bool:
        """True while supervisord runs."""
        return self._process is not None and self._process.poll() is None

    def states(self) -> dict[str, State]:
        """Every program by name."""
        rows = self._call(lambda rpc: rpc.getAllProcessInfo())
        states = [State(row["name"], row["statename"], int(row["pid"]), float(row["start"])) for row in rows]
        for state in states:
            if state.pid and state.pid not in self._seen and psutil.pid_exists(state.pid):
                self._seen[state.pid] = psutil.Process(state.pid)
        return {state.name: state for state in states}

    def start_program(self, name: str) -> None:
        """Starts a program that was stopped, or never started. Returns at once."""
        self._call(lambda rpc: rpc.startProcess(self._full_name(name), False))

    def stop_program(self, name: str) -> None:
        """Stops a program, which then stays stopped. Blocks until it has ended, 12 s at most."""
        self._call(lambda rpc: rpc.stopProcess(self._full_name(name), True))

    def stop(self) -> None:
        """Stops every program, later groups first, and supervisord. Leaves no process behind.

        Blocks until all have ended: about 12 s a group at most, after which they are killed.
        """
        if self._process is None:
            return
        left = [*self._descendants(), *self._seen.values()]
        self._process.terminate()
        groups = len({program.group for program in self._programs.values()})
        deadline = time.monotonic() + groups * STOP_WAIT_S + 6
        while self.alive() and time.monotonic() < deadline:
            # supervisord takes a step when something happens, else once a second: a question is something.
            self._answers()
            time.sleep(0.02)
        if self.alive():
            self._process.kill()
        self._process.wait()
        for process in left:
            # psutil knows a process by its start time too: a reused id is not ours, and not running.
            if process.is_running():
                process.kill()
        # Not psutil's own wait: it fails where one ends between two of its steps.
        deadline = time.monotonic() + 5
        while any(process.is_running() for process in left) and time.monotonic() < deadline:
            time.sleep(0.02)
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._short is not None:
            self._short.cleanup()

    def _descendants(self) -> list[psutil.Process]:
        assert self._process is not None
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _full_name(self, name: str) -> str:
        return f"{self._programs[name].group}:{name}"

    def _answers(self) -> bool:
        try:
            self._call(lambda rpc: rpc.getState())
        except (OSError, SupervisorFailed):
            return False
        return True

    def _call(self, ask: Callable[[Any], Any]) -> Any:  # noqa: ANN401 XML-RPC answers are untyped
        transport = xmlrpc.SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            return ask(ServerProxy("http://127.0.0.1", transport=transport).supervisor)
        except (Fault, OSError) as error:
            raise SupervisorFailed(str(error)) from error
        finally:
            transport.close()
