"""Calls to workers: what a target names, and when a stream of answers is given up."""

import time
from collections.abc import Iterator
from threading import Event

import grpc
import pytest

from kernel.settings import Settings
from prism.admin.v1 import projections_pb2, projections_pb2_grpc
from prismctl import connections
from prismctl.connections import Worker, addresses_of
from prismctl.errors import Failed, Lost, Unreachable
from tests.prismctl.workers import Easel, Server, token


class Silent(Easel):
    """Says so much, and then nothing until it is hung up on."""

    def __init__(self, answers: int) -> None:
        super().__init__({})
        self._answers = answers
        self.hung_up = Event()

    def Verify(
        self, request: projections_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> Iterator[projections_pb2.VerifyResponse]:
        context.add_callback(self.hung_up.set)
        for _ in range(self._answers):
            yield projections_pb2.VerifyResponse()
        self.hung_up.wait(20)


@pytest.mark.parametrize(("answers", "failure"), [(0, Unreachable), (1, Lost)])
def test_a_stream_that_falls_silent_is_given_up(
    monkeypatch: pytest.MonkeyPatch, answers: int, failure: type[Failed]
) -> None:
    monkeypatch.setattr(connections, "SILENCE_S", 0.3)
    silent = Silent(answers)
    server = Server(lambda each: projections_pb2_grpc.add_ProjectionsServicer_to_server(silent, each))
    worker = Worker("projector_svc", server.address, token(), 0.1, Settings())
    began = time.monotonic()
    seen: list[projections_pb2.VerifyResponse] = []
    with pytest.raises(failure, match=r"has said nothing for 0\.3 s"):
        seen.extend(worker.follow(worker.projections.Verify, projections_pb2.VerifyRequest(view="cart")))
    assert time.monotonic() - began < 10
    # The worker does not work on for nobody.
    assert silent.hung_up.wait(10)
    server.stop()


@pytest.mark.parametrize(
    ("target", "addresses"),
    [
        ("127.0.0.1:9101", ["127.0.0.1:9101"]),
        (" a:1 ,, b:2,", ["a:1", "b:2"]),
        ("dns:///127.0.0.1:9101,b:2", ["127.0.0.1:9101", "b:2"]),
        ("dns:///[::1]:9101", ["[::1]:9101"]),
        ("dns:///no-such-host.invalid:9101", ["dns:///no-such-host.invalid:9101"]),
        ("dns://8.8.8.8/host:9101", ["dns://8.8.8.8/host:9101"]),
        ("ipv4:127.0.0.1:1,127.0.0.2:1", ["ipv4:127.0.0.1:1,127.0.0.2:1"]),
        ("unix:/run/prism.sock", ["unix:/run/prism.sock"]),
        (",", []),
    ],
)
def test_a_target_names_one_replica_or_several(target: str, addresses: list[str]) -> None:
    assert addresses_of(target) == addresses
