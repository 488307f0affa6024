"""`make run` when it cannot start: it says which variable to change, and starts nothing."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dev.folder import lock
from dev.plan import PORTS
from dev.ports import PortBlock


def run(data_dir: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}
    block = PortBlock()
    clean |= {name: str(block.take()) for name in PORTS}
    clean |= {"PRISM_DATA_DIR": str(data_dir)} | env
    command = [sys.executable, "-m", "dev.run"]
    try:
        return subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    finally:
        block.release()


def assert_nothing_started(data_dir: Path) -> None:
    assert not list(data_dir.glob("log/*"))


@pytest.mark.parametrize("variable", ["PRISM_EDGE_PORT", "PRISM_PROJECTOR_GRPC_PORT"])
def test_a_taken_port_is_named_with_the_variable_that_changes_it(tmp_path: Path, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        result = run(tmp_path, **{variable: port})

    assert result.returncode == 1
    assert result.stderr.startswith(f"Port {port} is taken: set {variable} ")
    assert_nothing_started(tmp_path)


def test_a_folder_in_use_is_named(tmp_path: Path) -> None:
    held = lock(tmp_path)
    try:
        result = run(tmp_path)
    finally:
        os.close(held)

    assert result.returncode == 1
    assert f"{tmp_path} is in use" in result.stderr
    assert "PRISM_DATA_DIR" in result.stderr
    assert_nothing_started(tmp_path)


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    result = run(tmp_path, PRISM_EDGE_PORT="eighty")

    assert result.returncode == 1
    assert "PRISM_EDGE_PORT" in result.stderr
    assert "Traceback" not in result.stderr
    assert_nothing_started(tmp_path)
