"""supervisord in the foreground, which ends when its standard input ends.

    python -m dev.supervisord <configuration> [<program>=<descriptor> ...]

This is what `dev.supervisor` starts. The pipe on its standard input is held by whoever started it, so that
nothing is left behind even when that process is killed.

A descriptor is a socket that listens for a program. It stays open here from the start to the end, so that
connections wait while the program is away, and are neither refused nor reset. Each process of the program
gets it as systemd would hand it over (sd_listen_fds(3)): as descriptor 3, announced by LISTEN_PID and
LISTEN_FDS. gunicorn takes it from there.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import partial

from supervisor import supervisord
from supervisor.options import ServerOptions

HANDED_OVER = 3


class Options(ServerOptions):  # type: ignore[misc] # supervisor ships no types
    """supervisord's view of the system, in which programs find the sockets that listen for them."""

    def __init__(self, listeners: Mapping[str, int]) -> None:
        super().__init__()
        self._listeners = listeners

    def close_fd(self, fd: int) -> None:
        """Closes a descriptor. Called for every one before a program is loaded, which needs its listener."""
        if fd not in self._listeners.values():
            super().close_fd(fd)

    def cleanup_fds(self) -> None:
        """Closes what was left open when supervisord starts over (SIGHUP)."""
        for fd in range(5, self.minfds):
            self.close_fd(fd)

    def execve(self, filename: str, argv: Sequence[str], env: dict[str, str]) -> None:
        """Becomes a program, with its listener and no other."""
        listener = self._listeners.get(env["SUPERVISOR_PROCESS_NAME"])
        if listener is not None:
            os.dup2(listener, HANDED_OVER)
            # Not done by dup2 where it is that descriptor already.
            os.set_inheritable(HANDED_OVER, True)
            env |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
        super().execve(filename, argv, env)


def main() -> None:
    """supervisord in this process, told to stop when standard input ends."""
    listeners = {name: int(fd) for name, _, fd in (given.partition("=") for given in sys.argv[2:])}
    for listener in listeners.values():
        os.set_inheritable(listener, False)
    # A program is forked with supervisord's own handler of SIGTERM, which would swallow a stop that comes
    # before the program is loaded.
    os.register_at_fork(before=_hold_stop, after_in_parent=_let_stop, after_in_child=_die_of_stop)
    threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    # By this name its main makes them, at the start and after each SIGHUP.
    supervisord.ServerOptions = partial(Options, listeners)
    supervisord.main(["-c", sys.argv[1]])


def _hold_stop() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _let_stop() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _die_of_stop() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _let_stop()


def _stop_at_end_of_input() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
