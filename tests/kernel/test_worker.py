"""A worker's process, from its start to its end."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from kernel.embedded.storage import EmbeddedStorage
from tests.kernel.workers import free_port
from tests.support import eventually

# A worker whose batch takes longer than anyone has patience for.
WORKER = """
import sys, time
from kernel import worker
from kernel.consumer import Consumer
from kernel.dead_letters import DeadLetters
from kernel.settings import load
from kernel.storage import open_storage
from kernel.tokens import open_tokens
from kernel.worker_server import WorkerServer

def handle(messages):
    print("handling", flush=True)
    time.sleep(600)

settings = load({"PRISM_DATA_DIR": sys.argv[1], "PRISM_DEV_TOKEN_KEY": "k" * 40})
storage = open_storage(settings)
consumer = Consumer(storage.queue("slow"), DeadLetters(storage, "slow"), handle)
server = WorkerServer(settings, service="slow", port=int(sys.argv[2]), tokens=open_tokens(settings),
                      consumers=[consumer], healthy=worker.reachable(storage, [consumer]))
worker.run(server, [consumer], storage)
"""


def test_a_batch_that_takes_too_long_keeps_no_worker_from_ending(tmp_path: Path) -> None:
    queue = EmbeddedStorage(str(tmp_path)).queue("slow")
    queue.put([b"a long story"])
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), str(free_port())], stdout=log, stderr=log
        )
    try:
        eventually(lambda: "handling" in (tmp_path / "log").read_text(), timeout_s=30)
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
        # What rolling restarts count on.
        assert time.monotonic() - began < 10
    finally:
        worker.kill()
        worker.wait()
    assert queue.depth().messages == 1
