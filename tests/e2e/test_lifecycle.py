"""A stack from its start to its end, and again from the same folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from dev.demo.client import connect
from dev.plan import PORTS, is_setting
from dev.ports import PortBlock
from dev.probes import get
from dev.stack import running
from dev.supervisor import ROOT
from tests.e2e.client import Shop, Shopper, applied, eur, new_id
from tests.support import eventually


def test_a_stopped_stack_leaves_no_process_and_forgets_nothing(engine: str, tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    with running(engine, tmp_path) as stack, connect(stack.edge_url) as http:
        shop = Shop(stack, http)
        merchant, shopper = shop.merchant(), shop.shopper()
        mug = merchant.sells(price=100, stock=5)
        cart, key = new_id("c"), new_id("key")
        first = applied(shopper.adds(cart, mug, 2, key=key))
        seen = shopper.cart(cart)
        processes = set(psutil.Process().children(recursive=True)) - before
        assert len(processes) > len(stack.states())
    assert [process for process in processes if process.is_running()] == []

    with running(engine, tmp_path) as stack, connect(stack.edge_url) as http:
        # The folder keeps the key of its tokens, too.
        back = Shopper(http, stack.stream_url, shopper.subject, shopper.token)
        assert back.cart(cart) == seen
        assert applied(back.adds(cart, mug, 2, key=key)) == first
        applied(back.checks_out(cart, 200))
        assert back.order(cart, "CONFIRMED")["total"] == eur(200)


def test_make_run_serves_until_it_is_told_to_end_and_leaves_no_process(tmp_path: Path) -> None:
    block = PortBlock()
    env = {name: value for name, value in os.environ.items() if not is_setting(name)}
    env |= {name: str(block.take()) for name in PORTS} | {"PRISM_DATA_DIR": str(tmp_path / "data")}
    printed = tmp_path / "printed"
    with printed.open("wb") as output:
        command = [sys.executable, "-m", "dev.run"]
        run = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
    try:
        eventually(lambda: "Prism is ready" in printed.read_text(), timeout_s=60)
        assert get(f"http://127.0.0.1:{env['PRISM_EDGE_PORT']}/readyz")[0] == 200
        processes = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=40) == 0
    finally:
        run.kill()
        block.release()
    assert [process for process in processes if process.is_running()] == []
