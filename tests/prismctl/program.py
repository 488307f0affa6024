"""The real program in a process of its own."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from prismctl.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-P", "-m", "prismctl"]


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """The caller's own, without what it says of a Prism or a terminal."""
    left_out = ("PRISM", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return clean | {"TERM": "xterm-256color", "LANG": "C.UTF-8", **env}


class Ended:
    """How it ended, and what it said."""

    def __init__(self, exit_code: int, out: str, err: str) -> None:
        self.exit_code = exit_code
        self.out = out
        self.err = err
        assert "Traceback" not in out + err, err

    @property
    def json(self) -> Any:  # noqa: ANN401 # JSON
        """Its one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Prismctl:
    """Runs it with an environment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = dict(env)

    def __call__(self, *arguments: str, stdin: str = "", **env: str) -> Ended:
        ended = subprocess.run(
            [*PROGRAM, *arguments],
            env=environment(self.env | env),
            cwd="/",
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def here(self, *arguments: str, **env: str) -> Ended:
        """The same in this process: a tenth of the time, and its streams are no real ones."""
        ended = CliRunner(env=environment(self.env | env)).invoke(app, [*arguments], prog_name="prismctl")
        return Ended(ended.exit_code, ended.stdout, ended.stderr)

    @contextmanager
    def started(self, *arguments: str, **env: str) -> "Iterator[subprocess.Popen[str]]":
        """It runs until the block ends."""
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            env=environment(self.env | env),
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @contextmanager
    def on_terminal(self, *arguments: str, width: int = 80, **env: str) -> "Iterator[Terminal]":
        """It runs on a terminal of that width until the block ends."""
        ours, its = pty.openpty()
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            env=environment(self.env | {"COLUMNS": str(width), "LINES": "40"} | env),
            cwd="/",
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        try:
            yield Terminal(ours, process)
        finally:
            process.kill()
            process.wait()
            os.close(ours)


class Terminal:
    """What somebody at the terminal sees and types."""

    def __init__(self, descriptor: int, process: "subprocess.Popen[bytes]") -> None:
        self._descriptor = descriptor
        self.process = process
        self.seen = ""

    def await_text(self, text: str, timeout_s: float = 20) -> None:
        deadline = time.monotonic() + timeout_s
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} is not in {self.seen!r}"
            if not self._read(0.1) and self.process.poll() is not None:
                assert text in self.seen, f"{text!r} is not in {self.seen!r}"

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, timeout_s: float = 20) -> int:
        """Reads on until it ends. Its exit code."""
        deadline = time.monotonic() + timeout_s
        while self._read(0.1) or self.process.poll() is None:
            assert time.monotonic() < deadline, self.seen
        assert "Traceback" not in self.seen, self.seen
        return self.process.wait()

    def _read(self, wait_s: float) -> bool:
        if not select.select([self._descriptor], [], [], wait_s)[0]:
            return False
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:
            # The other side is closed.
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)
