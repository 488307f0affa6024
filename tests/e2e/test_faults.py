"""`make faults` as developers run it, for a moment an engine: every promise is kept."""

import subprocess
import sys

import pytest

from dev.supervisor import ROOT


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["embedded", "azurite"])
def test_real_processes_keep_every_promise_under_faults(name: str) -> None:
    command = [sys.executable, "-m", "dev.faults", "--engine", name, "--seconds", "12", "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every promise was kept." in done.stdout
