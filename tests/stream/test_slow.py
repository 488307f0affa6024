"""Clients that take nothing, or send nothing: what they cost others, and how they end."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import psutil

from prism.envelope.v1.envelope_pb2 import Update
from tests.stream import given
from tests.stream.client import Stream, opened
from tests.stream.conftest import Start
from tests.stream.given import Projector
from tests.stream.process import StreamProcess
from tests.support import eventually

MIB = 2**20
ITEM_BYTES = 64 * 1024
VERSIONS = re.compile(rb'"topic":"products","version":([0-9]+)')


def large(version: int) -> Update:
    """A product with a description of ITEM_BYTES."""
    update = given.product("p1", version)
    update.data += b"\x1a\x80\x80\x04" + b"x" * ITEM_BYTES
    return update


@contextmanager
def stalled(process: StreamProcess) -> Iterator[socket.socket]:
    """A client of the products that has read the beginning of its stream, and takes no more."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", process.settings.prism_stream_port))
        head = f"Host: x\r\nAuthorization: Bearer {process.token()}"
        connection.sendall(f"GET /v1/stream?topic=products HTTP/1.1\r\n{head}\r\n\r\n".encode())
        read = b""
        while b": open" not in read:
            read += connection.recv(1024)
        yield connection


def flood(projector: Projector, healthy: Stream, versions: range) -> None:
    """Publishes large updates, each of which has come to the healthy client before the next."""
    for version in versions:
        projector.publish(large(version))
        assert healthy.next().version == version


def clients(process: StreamProcess) -> int:
    """How many streams are open."""
    headers = {"Authorization": f"Bearer {process.token('olga', 'operator')}"}
    told = httpx.get(f"{process.url}/metrics", headers=headers).text
    [found] = re.findall(r"^prism_sse_clients ([0-9]+)", told, re.MULTILINE)
    return int(found)


def memory(process: StreamProcess) -> int:
    """What the worker has in memory, in bytes."""
    assert process.process
    (worker,) = psutil.Process(process.process.pid).children()
    found: int = worker.memory_info().rss
    return found


def test_a_client_that_takes_nothing_costs_little_harms_nobody_and_is_dropped(start: Start) -> None:
    # Streams of 50 entries; a write that is stuck for two seconds is given up.
    process = start("15", "50", "2")
    projector = Projector(process.settings)
    with opened(process.url, process.token(), "products") as healthy, stalled(process) as stuck:
        flood(projector, healthy, range(1, 100))
        before = memory(process)
        flood(projector, healthy, range(100, 600))
        assert memory(process) - before < 12 * MIB, "31 MiB were published meanwhile"
        eventually(lambda: clients(process) == 1)
        # What was under way arrives, and then the end.
        while stuck.recv(MIB):
            pass
        flood(projector, healthy, range(600, 602))
    assert "Traceback" not in process.log()


def test_a_client_that_was_too_slow_is_told_so_and_goes_on_in_order(start: Start) -> None:
    process = start("15", "20")
    projector = Projector(process.settings)
    with opened(process.url, process.token(), "products") as healthy, stalled(process) as slow:
        flood(projector, healthy, range(1, 100))
        read = b""
        while not VERSIONS.findall(read) or int(VERSIONS.findall(read)[-1]) < 99:
            read += slow.recv(MIB)
        before, reset, after = read.partition(b"event: reset")
        assert reset
        assert b"TOO_SLOW" in after.partition(b"\n\n")[0]
        seen, then = ([int(found) for found in VERSIONS.findall(part)] for part in (before, after))
        assert seen == list(range(1, len(seen) + 1))
        assert then == list(range(then[0], 100))
        assert seen[-1] < then[0]


def test_clients_that_send_half_a_head_take_no_stream_from_others(start: Start) -> None:
    process = start(PRISM_SSE_LIMIT="1")
    address = ("127.0.0.1", process.settings.prism_stream_port)
    with ExitStack() as half:
        # More than it takes connections, and far more than it has threads.
        for _ in range(200):
            connection = half.enter_context(socket.create_connection(address))
            connection.sendall(b"GET /v1/stream?topic=products HTTP/1.1\r\nHost:")
        with opened(process.url, process.token(), "products") as stream:
            Projector(process.settings).publish(given.product("p1", 1))
            assert stream.versions(1) == [1]
