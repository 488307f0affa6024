"""gunicorn's worker of threads, as the services that speak HTTP use it."""

import socket
from types import FrameType

from gunicorn import util  # type: ignore[import-untyped] # gunicorn ships no types
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped] # the same

from kernel.broken_http import refuse


class HttpWorker(ThreadWorker):  # type: ignore[misc] # the same
    """Answers broken HTTP with a problem, and tells its application, by `drain`, when it begins to end.

    By then it takes no new connection. `drain` must not block; what holds requests up has to end by it.
    """

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

    def handle(self, conn: TConn) -> object:
        """Serves a request. False, and the end of the connection, if it is the last one."""
        keep: object = super().handle(conn)
        if not keep:
            # Here: on the main loop a client that does not close its side would hold up all others.
            util.close_graceful(conn.sock)
            conn.close = lambda graceful=False: None
        return keep

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Answers a request that never reached the application, and closes."""
        refuse(client, exc)
