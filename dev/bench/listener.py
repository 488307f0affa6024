"""Reads an event stream and notes when each command's update came: a process of its own.

    python -m dev.bench.listener HOST:PORT PATH TOKEN

Prints a line once the stream is open; when its standard input ends, prints `{command id: time}` as JSON
and ends. Times are the system's monotonic clock, read when an update's last byte is there.
"""

import json
import re
import socket
import sys
import time
from selectors import EVENT_READ, DefaultSelector

from dev.bench.wire import Refused

COMMAND_ID = re.compile(rb'"commandId":"([^"]+)"')
END_OF_UPDATE = b"\n\n"


def main() -> None:
    """Listens."""
    address, path, token = sys.argv[1:]
    host, _, port = address.rpartition(":")
    stream = socket.create_connection((host, int(port)))
    # HTTP/1.0, so that the stream is not cut into chunks.
    stream.sendall(f"GET {path} HTTP/1.0\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    read = b""
    while b": open" not in read:
        chunk = stream.recv(1 << 16)
        if not chunk:
            raise Refused(read.decode())
        read += chunk
    print("open", flush=True)
    read = read.partition(b": open")[2]
    came: dict[str, float] = {}
    with DefaultSelector() as selector:
        selector.register(stream, EVENT_READ)
        selector.register(sys.stdin, EVENT_READ)
        while sys.stdin not in [key.fileobj for key, _ in selector.select()]:
            chunk = stream.recv(1 << 16)
            now = time.monotonic()
            if not chunk:
                raise Refused("the stream ended")
            *updates, read = (read + chunk).split(END_OF_UPDATE)
            for update in updates:
                if found := COMMAND_ID.search(update):
                    came.setdefault(found[1].decode(), now)
    json.dump(came, sys.stdout)


if __name__ == "__main__":
    main()
