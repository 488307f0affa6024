"""Doorbells: whoever puts a message rings its consumer, which then need not wait for its next poll.

A bell holds one call open and sends a message a ring: a call a ring costs both sides three times as
much. A ring that is lost costs a consumer's polling interval, nothing else.
"""

from collections.abc import Iterator
from threading import Event, Lock, Thread

import grpc

from kernel.channels import open_channel
from kernel.settings import Settings
from prism.mesh.v1.mesh_pb2 import RingRequest
from prism.mesh.v1.mesh_pb2_grpc import DoorbellStub

# A line is opened anew this often, so that a dead one is noticed and replicas take turns.
LINE_S = 60.0
# Between tries while nobody is at home.
RETRY_S = 0.2


class Bell:
    """The bell of one queue's consumer. Opens its line, on a channel of its own, at the first ring (so:
    after fork). Not where PRISM_DOORBELL is off."""

    def __init__(self, settings: Settings, target: str, queue: str) -> None:
        self._settings, self._target = settings, target
        self._request = RingRequest(queue=queue)
        self._enabled = settings.prism_doorbell
        self._pending = Event()
        self._closed = Event()
        self._lock = Lock()
        self._thread: Thread | None = None

    def ring(self) -> None:
        """Says that there is something to receive. Returns at once and never fails.

        Rings that come faster than the line takes them become one.
        """
        if not self._enabled:
            return
        self._pending.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = Thread(target=self._run, name="bell", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """Rings no more."""
        self._closed.set()
        self._pending.set()

    def _run(self) -> None:
        with open_channel(self._settings, self._target) as channel:
            stub = DoorbellStub(channel)
            while not self._closed.is_set():
                ended = Event()
                try:
                    stub.Ring(self._rings(ended), timeout=LINE_S)
                except grpc.RpcError as error:
                    if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
                        self._closed.wait(RETRY_S)
                ended.set()
                # The old line may have swallowed a ring: the new one begins with one.
                self._pending.set()

    def _rings(self, ended: Event) -> Iterator[RingRequest]:
        while True:
            self._pending.wait()
            if ended.is_set() or self._closed.is_set():
                return
            self._pending.clear()
            yield self._request
