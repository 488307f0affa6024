"""`python -m dev.bench`: measures, prints tables, writes everything as JSON."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from dev.bench import engine, machine, pipeline, report, targets
from dev.bench.pipeline import Pipeline
from dev.stack import StackFailed

SECTIONS = ("pipeline", "calls", "latency", "load", "drain", "rebuild", "memory")
ENGINES = ("embedded", "azurite")


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 when everything that was asked for was measured, however fast or slow it was."""
    options = parser().parse_args(arguments)
    sections = set(options.only or SECTIONS)
    results: dict[str, Any] = {"seconds": options.seconds, "machine": machine.facts(), "engines": {}}
    report.machine(results["machine"])
    found: Pipeline | None = None
    if "pipeline" in sections:
        say("the domain pipeline beside the eventsourcing library")
        found = pipeline.measure(options.seconds)
        results["pipeline"] = dataclasses.asdict(found)
        report.pipeline(found)
    engines: list[engine.Engine] = []
    if sections - {"pipeline"}:
        for name in ENGINES if options.engine == "both" else [options.engine]:
            say(f"{name}: starting a private stack")
            try:
                engines.append(engine.measure(name, options.seconds, sections.__contains__, say))
            except StackFailed as error:
                print(error, file=sys.stderr)
                return 1
            results["engines"][name] = dataclasses.asdict(engines[-1])
        report.engines(engines)
    results["machine"]["load_after"] = machine.load()
    met = targets.compare(found, engines)
    results["targets"] = [dataclasses.asdict(target) for target in met]
    report.targets(met)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=2) + "\n")
    print(f"All figures: {options.json}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m dev.bench", description=__doc__)
    made.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    made.add_argument("--seconds", type=float, default=5.0, help="length of each load (default 5)")
    made.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where the figures go")
    made.add_argument(
        "--only", choices=SECTIONS, action="append", metavar="SECTION", help=f"of {', '.join(SECTIONS)}"
    )
    return made


def say(what: str) -> None:
    """Tells what is being measured."""
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
