"""Starts a private stack, goes shopping on it, and stops it. Exit status 1 when a check fails."""

import argparse
import sys
import time

import httpx
from rich.console import Console

from dev.demo.client import connect
from dev.demo.journey import travel
from dev.demo.sse import StreamRefused
from dev.demo.timeline import CheckFailed, Timeline
from dev.plan import PortTaken
from dev.ports import NoFreePorts
from dev.redis import NoRedis
from dev.stack import Stack, StackFailed, running

# As wide as the timeline, whatever a pipe says of itself.
WIDTH = 104


def main() -> int:
    """The exit status."""
    arguments = argparse.ArgumentParser(prog="python -m dev.demo", description=__doc__)
    arguments.add_argument("--storage", choices=["embedded", "azurite"], default="embedded")
    storage = arguments.parse_args().storage
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    began_at = time.monotonic()
    console.print(f"Starting a private Prism on {storage} storage ...", style="dim")
    try:
        with running(storage) as stack:
            ready_s = time.monotonic() - began_at
            console.print(f"Ready after {ready_s:.1f} s: REST {stack.edge_url}, SSE {stack.stream_url}\n")
            if not went_well(console, stack):
                return 1
        console.print("\nThe stack is stopped. Now yours: [bold]make run[/bold]")
        return 0
    except (StackFailed, PortTaken, NoFreePorts, NoRedis) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def went_well(console: Console, stack: Stack) -> bool:
    """Makes the journey; prints what failed, if anything did."""
    timeline = Timeline(console)
    try:
        with connect(stack.edge_url) as http:
            travel(timeline, http, stack.stream_url)
    except (CheckFailed, StreamRefused, httpx.HTTPError) as error:
        console.print(f"\nFAILED: {error}", style="bold red", markup=False)
        for service in ("edge", "domain_svc", "projector_svc", "stream_svc"):
            console.print(f"\nThe end of {service}'s log:\n{stack.tail(service, 8)}", markup=False)
        return False
    finally:
        timeline.cut()
    return True


if __name__ == "__main__":
    sys.exit(main())
