"""`make run`: the stack on the addresses that the environment names, until Ctrl-C."""

import signal
import sys
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_here(_signal: int, _frame: FrameType | None) -> None:
    """Ends whatever is being waited for; a second signal changes nothing, the stop is under way."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """The exit status: 0 when it was asked to stop, 1 when it could not start or go on."""
    for number in STOP_SIGNALS:
        signal.signal(number, stop_here)
    try:
        # Only now: loading it takes a second, and Ctrl-C has to be understood from the start.
        from dev.foreground import serve

        return serve()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
