import subprocess
import time
from pathlib import Path

import pytest
import redis

from dev.ports import PortBlock
from dev.probes import listens
from dev.redis import command, find_server


def test_the_server_answers_keeps_nothing_on_disk_and_stops(tmp_path: Path) -> None:
    block = PortBlock()
    port = block.take()
    server = subprocess.Popen(command(port, tmp_path), stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 15
        while not listens(f"127.0.0.1:{port}") and time.monotonic() < deadline:
            time.sleep(0.02)
        with redis.Redis(port=port) as client:
            client.set("key", "value")
            assert client.get("key") == b"value"
    finally:
        server.terminate()
        assert server.wait(timeout=15) == 0
        block.release()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_a_server_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    server = tmp_path / name
    server.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_server() == server


def test_without_one_the_wheel_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_server().is_file()
