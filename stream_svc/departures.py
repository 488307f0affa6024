"""Departures: notices at once that a client is gone, which otherwise shows only at a write or two."""

import selectors
from collections.abc import Callable
from contextlib import suppress
from socket import MSG_DONTWAIT, MSG_PEEK, socket
from threading import Event, Thread

# How soon the end of the service is noticed, and a client that was added to an empty selector.
WAIT_S = 0.5


class Departures:
    """Watches the connections of streams, in one thread from `start` to `end`.

    A client that only closes its own side counts as gone too: none of those that read streams does that.
    """

    def __init__(self) -> None:
        # epoll and kqueue let other threads add and remove while one waits.
        self._selector = selectors.DefaultSelector()
        self._ended = Event()
        self._thread = Thread(target=self._run, name="departures", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def end(self) -> None:
        """Stops watching. Does not block."""
        self._ended.set()

    def watch(self, connection: socket, gone: Callable[[], None]) -> None:
        """Calls `gone` once when the client closes the connection. It must not block."""
        self._selector.register(connection, selectors.EVENT_READ, gone)

    def forget(self, connection: socket) -> None:
        """Watches a connection no longer: to be called before it is closed. Once more is no error."""
        # KeyError: it is forgotten already. ValueError: it was closed.
        with suppress(KeyError, ValueError):
            self._selector.unregister(connection)

    def _run(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(WAIT_S):
                assert isinstance(key.fileobj, socket)
                # Either way there is nothing more to wait for.
                self.forget(key.fileobj)
                if _is_closed(key.fileobj):
                    key.data()


def _is_closed(connection: socket) -> bool:
    """False when the client sent something: a further request, which has to wait."""
    try:
        return connection.recv(1, MSG_PEEK | MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
