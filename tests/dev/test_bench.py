import json
from pathlib import Path
from typing import Any

import pytest

from dev.bench.__main__ import main
from dev.bench.figures import latency, rate


def test_percentiles_are_samples_in_milliseconds() -> None:
    found = latency([number / 1000 for number in range(1, 101)])
    assert (found.p50, found.p95, found.p99, found.max) == (50.0, 95.0, 99.0, 100.0)


def test_a_slow_round_does_not_move_a_median() -> None:
    assert rate([100.0, 90.0, 5.0]).median == 90.0


# It starts a stack and puts it under load: on a busy machine that takes its time.
@pytest.mark.timeout(400)
def test_every_figure_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    assert main(["--engine", "embedded", "--seconds", "0.4", "--json", str(path)]) == 0
    results = json.loads(path.read_text())
    assert results["machine"]["cores"] > 0
    assert results["pipeline"]["ratio"] > 0
    sides = [side for side in results["pipeline"].values() if isinstance(side, dict)]
    assert len(sides) == 6
    assert all(side["median"] > 0 and len(side["rounds"]) > 1 for side in sides)
    engine = results["engines"]["embedded"]
    for load in (engine["single"], engine["batch"]):
        assert_all_positive(load, "commands", "accepted_per_s", "projected_per_s")
        assert_all_positive(load["answer_ms"], "p50", "p95", "p99", "max")
        assert_calls(load["calls"])
        assert load["processor_ms"].keys() >= {"edge", "domain_svc", "projector_svc", "stream_svc"}
    for figure in ("post_to_sse_ms", "post_to_answer_ms"):
        assert_all_positive(engine["pace"][figure], "samples", "p50", "p95", "p99", "max")
    for alone in (engine["lone_warm"], engine["lone_new"], engine["lone_stock"]):
        assert_all_positive(alone["answer_ms"], "p50", "p99")
        assert_calls(alone["calls"])
    assert engine["idle_calls_per_s"]
    assert_all_positive(engine["drain"], "commands", "decided_per_s", "projected_per_s")
    assert all(len(processes) > 4 for processes in engine["drain"]["memory"].values())
    assert len(engine["memory"]) > 4
    assert all(process["rss_mib"] > 0 for process in engine["memory"])


def assert_all_positive(figures: dict[str, Any], *names: str) -> None:
    assert {name: figures[name] for name in names if figures[name] <= 0} == {}


def assert_calls(calls: dict[str, Any]) -> None:
    assert_all_positive(calls, "commands", "per_command")
    # One put at the edge for every request, and what each of its commands leads to.
    assert calls["by_kind"].keys() >= {
        "edge queue.put",
        "domain_svc queue.receive",
        "domain_svc events.append",
        "projector_svc views.save",
    }
    assert calls["per_command"] == pytest.approx(sum(calls["by_kind"].values()), abs=0.05)
