"""Doorbells: whoever puts a message rings its consumer, which then need not wait for its next poll.

A ring that is lost costs a consumer's polling interval, nothing else.
"""

from threading import Lock

import grpc

from prism.mesh.v1.mesh_pb2 import RingRequest, RingResponse
from prism.mesh.v1.mesh_pb2_grpc import DoorbellStub

DEADLINE_S = 0.5
# A consumer that comes back is found within a second, wherever it comes back.
CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.lb_policy_name", "round_robin"),
]


class Bell:
    """The bell of one queue's consumer. Opens its channel at the first ring (so: after fork)."""

    def __init__(self, target: str, queue: str, enabled: bool = True) -> None:
        self._target = target
        self._request = RingRequest(queue=queue)
        self._enabled = enabled
        self._lock = Lock()
        self._channel: grpc.Channel | None = None
        self._stub: DoorbellStub | None = None
        self._ringing = False
        self._again = False

    def ring(self) -> None:
        """Says that there is something to receive. Returns at once and never fails.

        While a ring is under way, further ones become one that follows it.
        """
        if not self._enabled:
            return
        with self._lock:
            if self._stub is None:
                self._channel = grpc.insecure_channel(self._target, CHANNEL_OPTIONS)
                self._stub = DoorbellStub(self._channel)
            if self._ringing:
                self._again = True
                return
            self._ringing = True
        self._send(self._stub)

    def close(self) -> None:
        """Gives the channel back."""
        with self._lock:
            channel, self._channel, self._stub = self._channel, None, None
        if channel is not None:
            channel.close()

    def _send(self, stub: DoorbellStub) -> None:
        call = stub.Ring.future(self._request, timeout=DEADLINE_S)
        call.add_done_callback(lambda done: self._rung(stub, done))

    def _rung(self, stub: DoorbellStub, call: "grpc.Future[RingResponse]") -> None:
        with self._lock:
            # Nobody at home: no use in ringing on. The consumer polls when it is back.
            again = self._again and call.exception() is None and self._stub is stub
            self._again = False
            self._ringing = again
        if again:
            self._send(stub)
