"""Log lines: what they hold, and that nothing keeps anybody from working."""

import json
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kernel.telemetry.gunicorn_log import is_worth_logging
from kernel.telemetry.log import ATOMIC_BYTES, LineHandler, Style, each, fields, pieces

ROOT = Path(__file__).parent.parent.parent
SAY = """
import logging
from kernel import settings
from kernel.telemetry import log
log.set_up(settings.load(), "domain_svc")
logging.getLogger("here").info("hello", extra=log.fields(stream="cart-c1"))
"""


class Log:
    """A logger that writes to a file."""

    def __init__(self, path: Path, style: Style) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self.logger = logging.Logger("here")
        self.logger.addHandler(LineHandler(self._descriptor, "domain_svc", style))

    def close(self) -> None:
        os.close(self._descriptor)

    @property
    def text(self) -> str:
        return self._path.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "log", "json")
    yield log
    log.close()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "log", "text")
    yield log
    log.close()


def test_a_line_is_an_object_with_its_fields(log: Log) -> None:
    log.logger.info("%d done", 3, extra=fields(stream="cart-c1", version=7))

    [line] = log.lines
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "INFO",
        "service": "domain_svc",
        "logger": "here",
        "message": "3 done",
        "stream": "cart-c1",
        "version": 7,
    }


def test_one_record_carries_the_lines_of_a_batch(log: Log) -> None:
    log.logger.info("decided", extra=each([{"command_id": str(n)} for n in range(100)]))

    assert [line["command_id"] for line in log.lines] == [str(n) for n in range(100)]
    assert {line["message"] for line in log.lines} == {"decided"}


def test_a_batch_of_nothing_is_no_line(log: Log) -> None:
    log.logger.info("decided", extra=each([]))

    assert log.text == ""


def test_an_exception_is_told_without_its_text(log: Log) -> None:
    def fail() -> None:
        raise ValueError("what a client sent")

    try:
        fail()
    except ValueError:
        log.logger.exception("it failed")

    [line] = log.lines
    assert line["exception"]["type"] == "ValueError"
    assert line["exception"]["frames"][-1].endswith(" fail")
    assert "client" not in log.text


def test_an_exception_names_what_caused_it(log: Log) -> None:
    try:
        try:
            raise KeyError("secret")
        except KeyError as error:
            raise RuntimeError("secret") from error
    except RuntimeError:
        log.logger.exception("it failed")

    assert log.lines[0]["exception"]["cause"] == "KeyError"
    assert "secret" not in log.text


@pytest.mark.parametrize("text", ["two\nlines", 'a "quote"', "\udcff half a pair", "naïve ✓", "\x00"])
def test_any_text_is_one_line_that_reads_back(log: Log, text: str) -> None:
    log.logger.warning("%s", text, extra=fields(method="Admin/Status"))

    [line] = log.lines
    assert line["message"] == text.replace("\udcff", "\\udcff")


def test_what_json_has_no_word_for_is_told_as_text(log: Log) -> None:
    log.logger.info("here", extra=fields(path=Path("/tmp/x")))  # noqa: S108 # a name

    assert log.lines[0]["path"] == "/tmp/x"  # noqa: S108 # the same


def test_a_terminal_is_told_the_same_in_readable_words(terminal: Log) -> None:
    terminal.logger.info("decided", extra=fields(stream="cart-c1", code="", note='a "b"'))

    text = terminal.text
    assert re.match(r"\d{4}-\d\d-\d\dT\S+Z INFO    here: decided ", text)
    assert text.endswith(r'decided stream=cart-c1 code="" note="a \"b\""' + "\n")


def test_nobody_writes_a_line_of_ours_on_a_terminal(terminal: Log) -> None:
    terminal.logger.info("%s", "one\nERROR forged", extra=fields(request="x\ny=1"))

    assert terminal.text.count("\n") == 1


def test_a_terminal_shows_where_an_exception_came_from(terminal: Log) -> None:
    try:
        raise ValueError("secret")
    except ValueError:
        terminal.logger.exception("it failed")

    assert re.search(r"^    \S+test_log\.py:\d+ test_a_terminal_shows", terminal.text, re.MULTILINE)
    assert terminal.text.endswith("    ValueError\n")
    assert "secret" not in terminal.text


def test_lines_are_written_in_pieces_that_a_pipe_keeps_together() -> None:
    lines = [b"x" * 999 + b"\n"] * 10 + [b"y" * 9000 + b"\n"] + [b"z\n"]

    written = pieces(lines, ATOMIC_BYTES)

    assert b"".join(written) == b"".join(lines)
    assert all(piece.endswith(b"\n") for piece in written)
    assert [len(piece) for piece in written] == [4000, 4000, 2000, 9001, 2]
    assert ATOMIC_BYTES == 4096


def test_a_log_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    logger = logging.Logger("here")
    logger.addHandler(LineHandler(writer, "edge", "json"))

    logger.info("into nothing")
    os.close(writer)
    logger.info("into nothing at all")


def test_a_record_that_cannot_be_rendered_stops_nothing(log: Log) -> None:
    log.logger.info("%d", "no number")
    log.logger.info("next")

    assert [line["message"] for line in log.lines] == ["unloggable: TypeError", "next"]


def test_stderr_is_json_where_nobody_looks_on() -> None:
    done = run_say({})
    assert json.loads(done.stderr)["stream"] == "cart-c1"


def test_stderr_is_text_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", SAY], cwd=ROOT, env=environment({}), stderr=theirs, check=True)
    os.close(theirs)
    assert "INFO    here: hello stream=cart-c1" in os.read(ours, 4096).decode()
    os.close(ours)


def test_the_format_can_be_chosen() -> None:
    assert "hello stream=cart-c1" in run_say({"PRISM_LOG_FORMAT": "text"}).stderr


def test_what_is_below_the_level_is_not_told() -> None:
    assert run_say({"PRISM_LOG_LEVEL": "WARNING"}).stderr == ""


def test_the_end_of_a_process_by_a_defect_is_a_line_too() -> None:
    done = run_say({}, SAY + "\nraise ValueError('secret')")

    assert done.returncode == 1
    [_, line] = map(json.loads, done.stderr.splitlines())
    assert (line["level"], line["exception"]["type"]) == ("CRITICAL", "ValueError")
    assert "secret" not in done.stderr


def test_gunicorn_tells_neither_who_asked_nor_for_what() -> None:
    record = logging.LogRecord(
        "gunicorn.error", 40, "", 1, "Error handling request %s %s", ("GET", "/v1/carts/secret"), None
    )

    assert is_worth_logging(record)
    assert record.getMessage() == "Error handling request"


def test_the_example_lines_of_the_page_of_operations_are_lines() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    examples = [line for line in page.splitlines() if line.startswith('{"time"')]
    assert examples
    for line in examples:
        assert {"time", "level", "service", "logger", "message"} <= json.loads(line).keys()


def run_say(env: dict[str, str], program: str = SAY) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(env),
        capture_output=True,
        text=True,
        check=False,
    )


def environment(env: dict[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'generated'}"} | env
