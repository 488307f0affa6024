"""A real stream_svc process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from dev.ports import PortBlock
from kernel import settings
from kernel.tokens import issue_dev_token
from tests.support import eventually

ROOT = Path(__file__).resolve().parents[2]
# The same service, with what has no setting: `python -c TUNED <heartbeat_s> <capacity> [<stalled_s>]`.
TUNED = """
import sys
from functools import partial
from kernel import http_worker
from kernel.settings import load
from stream_svc.server import serve
from stream_svc.service import Service
http_worker.STALLED_S = int((sys.argv[3:] or [http_worker.STALLED_S])[0])
serve(load(), partial(Service, heartbeat_s=float(sys.argv[1]), capacity=int(sys.argv[2])))
"""


class StreamProcess:
    """`python -m stream_svc` on ports of its own, as its environment says."""

    def __init__(self, folder: Path, redis_url: str, **env: str) -> None:
        self._block = PortBlock()
        self._folder = folder
        self.env = {
            "REDIS_URL": redis_url,
            "PRISM_STREAM_PORT": str(self._block.take()),
            "PRISM_STREAM_GRPC_PORT": str(self._block.take()),
            "PRISM_DATA_DIR": str(folder / "data"),
            "PRISM_DEV_TOKEN_KEY": "a key of the tests, long enough for HS256",
            **env,
        }
        self.settings = settings.load(self.env)
        self.url = f"http://127.0.0.1:{self.settings.prism_stream_port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *tuning: str) -> None:
        """Returns when it answers HTTP. With `tuning`, see TUNED."""
        program = ["-c", TUNED, *tuning] if tuning else ["-m", "stream_svc"]
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program],
                cwd=ROOT,
                env=os.environ | self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._answers, 30)

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Sends a signal and answers the exit code; a failure after ten seconds."""
        assert self.process
        self.process.send_signal(signal_number)
        return self.process.wait(timeout=10)

    def close(self) -> None:
        """Leaves nothing of it behind."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._block.release()

    def token(self, subject: str = "alice", *roles: str) -> str:
        """A valid token."""
        return issue_dev_token(self.settings, subject, list(roles or ("shopper",)))

    def log(self) -> str:
        """What it has logged."""
        return (self._folder / "log").read_text()

    def _answers(self) -> bool:
        assert self.process
        if self.process.poll() is not None:
            raise RuntimeError(self.log())
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False
