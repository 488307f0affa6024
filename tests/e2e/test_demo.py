"""`make demo`: it goes well, fits a screen or two, and says what is wrong when something is."""

import subprocess
import sys

import pytest
from rich.console import Console

from dev.demo import journey
from dev.demo.timeline import CheckFailed, Timeline
from dev.supervisor import ROOT
from tests.e2e.client import Shop


def test_the_demo_goes_well_and_fits_sixty_lines(engine: str) -> None:
    command = [sys.executable, "-m", "dev.demo", "--storage", engine]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 110
    for told in ("409 PRICE_CHANGED", "CONFIRMED", "PAID, replayed", "SHIPPED", "The stack is stopped"):
        assert told in done.stdout


def test_a_failed_check_shows_what_was_expected_and_seen(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dev.demo.timeline.PATIENCE_S", 0.1)
    merchant = shop.merchant()
    timeline = Timeline(Console(quiet=True))
    try:
        timeline.follow("someone follows", lambda: merchant.follow("products"))
        mug = merchant.sells(price=100)
        with pytest.raises(CheckFailed, match=r"expected  404\n  seen      200"):
            timeline.step("someone asks", lambda: merchant.get(f"/v1/products/{mug}"), 404)
        step = timeline.step("someone asks", lambda: merchant.get(f"/v1/products/{mug}"), 200)
        with pytest.raises(CheckFailed, match=r"on products: 99 available\n  expected  {'available': 99}"):
            step.told("99 available", "products", available=99)
        with pytest.raises(CheckFailed, match="revenue"):
            timeline.check("revenue", journey.eur(1), journey.eur(2))
    finally:
        timeline.cut()
