"""TCP ports: listening on one, whether it is taken, and a block of free ones that no other stack picks."""

import random
import socket

BLOCK = 20
# Below the range from which systems hand out ports of outgoing connections (32768 on Linux).
FIRST, LAST = 20000, 32000
# How many connections wait for a server that is away; the system may bound it further.
BACKLOG = 2048


class NoFreePorts(Exception):
    """Every block has a port that something listens on."""


def listen(port: int, host: str) -> socket.socket:
    """A socket that listens. OSError when another one does. A port that is merely winding down can be had."""
    if ":" not in host:
        return socket.create_server((host, port), backlog=BACKLOG)
    both = socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=both)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True when a server could listen there now. A port that is merely winding down counts as free."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


class PortBlock:
    """Consecutive free ports, kept from other stacks of this machine until `release`.

    The block's first port is bound, and handed to nobody: it is what tells other stacks to look elsewhere,
    since the ports that are handed out must stay unbound until their servers start.
    """

    def __init__(self) -> None:
        bases = list(range(FIRST, LAST, BLOCK))
        random.shuffle(bases)
        for base in bases:
            guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                guard.bind(("127.0.0.1", base))
            except OSError:
                guard.close()
                continue
            if all(is_free(base + offset) for offset in range(1, BLOCK)):
                self._guard = guard
                self._next = base + 1
                self._end = base + BLOCK
                return
            guard.close()
        raise NoFreePorts(f"no {BLOCK} free ports in a row between {FIRST} and {LAST}")

    def take(self) -> int:
        """A port of the block, another one each time; NoFreePorts past the last."""
        if self._next == self._end:
            raise NoFreePorts(f"a stack has {BLOCK - 1} ports")
        self._next += 1
        return self._next - 1

    def release(self) -> None:
        """Lets other stacks have the block."""
        self._guard.close()
