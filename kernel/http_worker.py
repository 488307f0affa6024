"""gunicorn's worker of threads, as both HTTP ports use it: no client holds it up, by sending nothing, little or slowly.

accepted ─▶ waits in the poller ─▶ its head is there: a thread reads the rest, answers ─▶ waits again
              │                       │
              │                       └─ READ_S without the whole body: closed
              ├─ HEAD_S without a whole head: closed
              └─ the longest of all, when there is no connection left for a newcomer: closed
"""

import resource
import socket
import struct
import time
from functools import partial
from selectors import EVENT_READ
from types import FrameType
from typing import Any

from gunicorn import util  # type: ignore[import-untyped] # gunicorn ships no types
from gunicorn.http.errors import NoMoreData  # type: ignore[import-untyped] # gunicorn ships no types
from gunicorn.http.unreader import SocketUnreader  # type: ignore[import-untyped] # the same
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped] # the same

from kernel.broken_http import refuse

HEAD_S = 10.0
# Of a request whose head is there: a megabyte at half a megabit a second.
READ_S = 16.0
# A connection that neither sends nor takes anything for so long gives its thread back.
STALLED_S = 15
# A head of more is left to a thread, and to READ_S.
HEAD_BYTES = 16 * 1024
END_OF_HEAD = b"\r\n\r\n"
# Files beside the connections: storage, Redis, gRPC.
SPARE_FILES = 512


class HttpWorker(ThreadWorker):  # type: ignore[misc] # gunicorn ships no types
    """Answers broken HTTP with a problem, and tells its application, by `drain`, when it begins to end.

    By then it takes no new connection. `drain` must not block; what holds requests up has to end by it.
    """

    def init_process(self) -> None:
        """Runs in the worker process, from its start to its end."""
        allow_files(self.worker_connections + SPARE_FILES)
        super().init_process()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM."""
        super().handle_exit(sig, frame)
        # On the main loop: a signal may have come while this thread held one of the application's locks.
        self.method_queue.defer(self.app.drain)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT and SIGQUIT: like SIGTERM, for gunicorn's quick way waits for every thread all the same."""
        self.handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """False, and the beginning of the end, when the master process is gone."""
        alive: bool = super().is_parent_alive()
        if not alive:
            self.app.drain()
        return alive

    def enqueue_req(self, conn: TConn) -> None:
        """Gives a connection a thread, or lets it wait until its head is there. On the main thread."""
        if not conn.initialized:
            limit = struct.pack("ll", STALLED_S, 0)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        # How much of a head was there when it was last looked at.
        conn.seen = 0
        if has_head(conn):
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + HEAD_S
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """More of a head has come."""
        if has_head(conn):
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:  # noqa: ANN401 # gunicorn's own business
        """Reads a request and answers it, in a thread. False, and the end of the connection, if it is the last."""
        if not conn.initialized:
            conn.init()
            conn.parser.unreader = BoundedReader(conn.sock)
        conn.parser.unreader.read_by = time.monotonic() + READ_S
        keep = super().handle(conn)
        if not keep:
            # Here: on the main loop a client that does not close its side would hold up all others.
            util.close_graceful(conn.sock)
            conn.close = lambda graceful=False: None
        return keep

    def murder_pending(self) -> None:
        """Closes those whose head does not come; and where newcomers have no room, who has waited longest."""
        super().murder_pending()
        while self.nr_conns >= self.worker_connections and (
            waiting := self.pending_conns or self.keepalived_conns
        ):
            conn = waiting.popleft()
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()

    def _cap_keepalive(self, deadline: float) -> None:
        """A worker that ends waits for the head of a request no longer than for the next request."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Answers a request that never reached the application, and closes."""
        refuse(client, exc)


class BoundedReader(SocketUnreader):  # type: ignore[misc] # the same
    """Reads a connection, each request until `read_by`: then it is as if the client had gone."""

    read_by = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """What comes next. BlockingIOError when nothing does for STALLED_S."""
        if time.monotonic() > self.read_by:
            raise NoMoreData
        part: bytes = super().chunk(size_hint)
        return part


def has_head(conn: TConn) -> bool:
    """Whether a thread can read a request's head without waiting; or sees at once that none will come."""
    if conn.initialized and conn.parser.unreader.buf.getbuffer().nbytes:
        # Read ahead of the last request.
        return True
    try:
        head = conn.sock.recv(HEAD_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    # What was said to be more and is not: the client has closed its side.
    whole = END_OF_HEAD in head or len(head) == HEAD_BYTES or len(head) <= conn.seen
    conn.seen = len(head)
    # A poller that would report what it has reported, again and again, waits for more.
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1 if whole else len(head) + 1)
    return whole


def allow_files(wanted: int) -> None:
    """Lets this process open so many files, if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
