"""The program as a whole: its index, help, completion, start-up, and how it ends when things go wrong."""

import importlib
import inspect
import os
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from dev import setup
from prismctl.__main__ import INDEX, app
from prismctl.commands import ending_well
from tests.prismctl.program import PROGRAM, ROOT, Ended, Prismctl, environment
from tests.prismctl.workers import Plane, token

ALL = (
    ("status",),
    ("pause", "commands"),
    ("resume", "commands"),
    ("dead-letters", "list"),
    ("dead-letters", "show", "commands", "1"),
    ("dead-letters", "requeue", "commands", "1"),
    ("dead-letters", "discard", "commands", "1", "--reason", "x", "--yes"),
    ("stream", "show", "cart-c1"),
    ("stream", "republish", "cart-c1"),
    ("trace", "1"),
    ("projection", "list"),
    ("projection", "rebuild", "cart"),
    ("projection", "cancel", "cart"),
    ("projection", "verify", "cart"),
)


def names(arguments: tuple[str, ...]) -> str:
    return " ".join(arguments)


@pytest.mark.parametrize("arguments", ALL, ids=names)
def test_nobody_at_home_is_one_line_that_says_what_to_do(arguments: tuple[str, ...]) -> None:
    nowhere = dict.fromkeys(("PRISM_DOMAIN_GRPC", "PRISM_PROJECTOR_GRPC", "PRISM_STREAM_GRPC"), "127.0.0.1:1")
    failed = Prismctl({"PRISM_TOKEN": "x", **nowhere}).here(*arguments)
    assert failed.exit_code == (1 if arguments == ("status",) else 3)
    assert len(failed.err.splitlines()) == 1
    assert "unreachable: connection refused; is it running, and is --" in failed.err


@pytest.mark.parametrize("arguments", ALL, ids=names)
def test_a_wrong_token_is_one_line_that_says_what_to_do(ctl: Prismctl, arguments: tuple[str, ...]) -> None:
    failed = ctl.here(*arguments, PRISM_TOKEN="nonsense")
    assert failed.exit_code == 4
    assert len(failed.err.splitlines()) == 1
    assert "export PRISM_TOKEN=$(prismctl token)" in failed.err


@pytest.mark.parametrize("wrong", ["", "with\nlines", "ünïcode", token("merchant")])
def test_no_token_opens_anything_but_an_operators(ctl: Prismctl, wrong: str) -> None:
    failed = ctl("trace", "1", PRISM_TOKEN=wrong)
    assert failed.exit_code == 4
    assert len(failed.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", ALL, ids=names)
def test_json_on_stdout_is_all_that_is_there(plane: Plane, ctl: Prismctl, arguments: tuple[str, ...]) -> None:
    done = ctl.here(*arguments, "--json")
    if arguments in (("projection", "rebuild", "cart"), ("projection", "verify", "cart")):
        assert len(done.lines) > 1
    elif done.exit_code == 0:
        assert isinstance(done.json, dict)
    else:
        assert done.out == "" or done.json
        assert len(done.err.splitlines()) == 1


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        failed = Prismctl({"PRISM_TOKEN": "x"})("trace", "1", "--domain", address, "--timeout", "0.5")
    assert failed.exit_code == 3
    assert "no answer within 0.5 s; --timeout waits longer" in failed.err


def test_a_server_that_speaks_something_else_is_no_worker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        Thread(target=babble, daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        failed = Prismctl({"PRISM_TOKEN": "x"})("trace", "1", "--domain", address)
        server.shutdown(socket.SHUT_RDWR)
    assert failed.exit_code == 3
    assert len(failed.err.splitlines()) == 1


def test_wrong_settings_are_named() -> None:
    ctl = Prismctl({"PRISM_TOKEN": "x"})
    failed = ctl("status", PRISM_DOMAIN_GRPC_PORT="many")
    assert failed.exit_code == 2
    assert "PRISM_DOMAIN_GRPC_PORT" in failed.err
    assert ctl("status", "--domain", ",").exit_code == 2
    assert ctl("status", "--timeout", "0").exit_code == 2
    # Settings of services do not concern a client.
    assert ctl("status", PRISM_AUTH="jwks", PRISM_STREAM_GRPC="127.0.0.1:1").exit_code == 1


def test_the_ports_of_the_environment_are_the_workers(plane: Plane) -> None:
    ports = {
        f"PRISM_{name}_GRPC_PORT": server.address.rpartition(":")[2]
        for name, server in (
            ("DOMAIN", plane.domain_server),
            ("PROJECTOR", plane.projector_server),
            ("STREAM", plane.stream_server),
        )
    }
    assert Prismctl({"PRISM_TOKEN": plane.env["PRISM_TOKEN"], **ports})("status").exit_code == 0


def test_a_defect_is_one_line() -> None:
    with pytest.raises(BaseException, match="70") as ended, ending_well():
        raise ZeroDivisionError("of ours")
    assert getattr(ended.value, "exit_code", None) == 70


def test_a_reader_that_goes_away_is_no_defect(plane: Plane) -> None:
    piped = f"{' '.join(PROGRAM)} status --watch --json | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", piped],
        env=environment(plane.env),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.startswith('{"workers"')
    assert done.stderr == ""


def test_the_index_says_what_the_commands_say() -> None:
    for name, text in INDEX.items():
        registered = importlib.import_module(f"prismctl.{name.replace('-', '_')}").app.registered_commands
        if len(registered) == 1:
            assert registered[0].help.startswith(text), name


def test_every_command_has_help_that_names_its_options() -> None:
    terminal = CliRunner(env={"COLUMNS": "80", "TERM": "xterm"})
    for arguments in (*ALL, ("schema", "check"), ("token",)):
        words = [word for word in arguments[:2] if word not in ("commands", "1")]
        shown = terminal.invoke(app, [*words, "--help"])
        assert shown.exit_code == 0
        assert "--json" in shown.output
        assert max(map(len, shown.output.splitlines())) <= 80


def test_without_a_command_it_says_which_there_are() -> None:
    ctl = Prismctl({})
    shown = ctl(COLUMNS="500")
    assert shown.exit_code == 0
    assert "Exit codes: 0 done" in shown.out
    assert all(text in shown.out for text in INDEX.values())
    misspelt = ctl("statsu")
    assert misspelt.exit_code == 2
    assert "Did you mean 'status'" in misspelt.err


def test_help_and_completion_load_no_grpc() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from prismctl.__main__ import app;"
        "done = CliRunner().invoke(app, ['--help']); assert 'dead-letters' in done.output;"
        "sys.exit(any(name in sys.modules for name in ('grpc', 'google.protobuf', 'msgspec')))"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("prismctl sta", {"status"}),
        ("prismctl dead-letters re", {"requeue"}),
        ("prismctl projection rebuild ca", {"cart"}),
        ("prismctl pause events-", {"events-policies", "events-sales", "events-views"}),
        ("prismctl dead-letters list --queue com", {"commands", "commands-later"}),
        ("prismctl pause --service st", {"stream_svc"}),
        ("prismctl status --js", {"--json"}),
    ],
)
def test_the_shell_completes(typed: str, expected: set[str]) -> None:
    offered = tab(typed).out.split()
    assert {each for each in offered if each.startswith(typed.rpartition(" ")[2])} == expected


def test_completing_what_does_not_exist_is_no_error() -> None:
    for typed in ("prismctl nonsense ", "prismctl stream nonsense ", "prismctl projection verify nonsense"):
        offered = tab(typed)
        assert (offered.exit_code, offered.err) == (0, "")


def tab(typed: str) -> Ended:
    """What bash is offered when the tab key is pressed."""
    env = {
        "_PRISMCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
        "_TYPER_COMPLETE_ARGS": typed,
    }
    return Prismctl(env)()


def test_setup_writes_the_launcher_that_runs_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = tmp_path / "with a blank" / "prismctl"
    launcher.parent.mkdir()
    monkeypatch.setattr(setup, "PRISMCTL", launcher)
    monkeypatch.setattr(setup, "PYTHON", Path(sys.executable))
    setup.add_prismctl()
    written = launcher.stat().st_mtime_ns
    setup.add_prismctl()
    assert launcher.stat().st_mtime_ns == written
    # What lies in the caller's folder is not what is run.
    (tmp_path / "prismctl").mkdir()
    (tmp_path / "prismctl" / "__main__.py").write_text("raise SystemExit(99)")
    done = subprocess.run(
        [launcher, "--version"],
        cwd=tmp_path,
        env=environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "0.1.0\n")
    assert os.access(launcher, os.X_OK)


def test_the_environment_has_the_launcher() -> None:
    assert (setup.VENV / "bin" / "prismctl").exists()
    assert inspect.getsource(setup.main).index("add_prismctl") < inspect.getsource(setup.main).index(
        "STAMP.exists"
    )
