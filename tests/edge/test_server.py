"""`python -m edge`, from outside."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest
from gunicorn.http.errors import NoMoreData  # type: ignore[import-untyped] # gunicorn ships no types

from dev.ports import PortBlock
from kernel.embedded.storage import EmbeddedStorage
from kernel.http_worker import BoundedReader, allow_files
from tests.edge.samples import BODIES
from tests.support import eventually

KEY = "0123456789" * 4


class Server:
    """The edge as an operator starts it."""

    def __init__(self, folder: Path, redis_url: str, **env: str) -> None:
        self._block = PortBlock()
        self.port = self._block.take()
        self.folder = folder
        self.log = folder / "edge.log"
        self._env = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(folder),
            "PRISM_DATA_DIR": str(folder / "data"),
            "PRISM_EDGE_PORT": str(self.port),
            "PRISM_DEV_TOKEN_KEY": KEY,
            "PRISM_NAMESPACE": f"s{self.port}",
            "REDIS_URL": redis_url,
            "PRISM_DOMAIN_GRPC": "127.0.0.1:1",
        } | env
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    def start(self) -> None:
        """Begins; `up` says when it answers."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge"], env=self._env, stdout=log, stderr=log, cwd=self.folder
            )

    def up(self) -> bool:
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def login(self, *roles: str) -> dict[str, str]:
        answer = self.client.post("/v1/dev/tokens", json={"subject": "alice", "roles": roles})
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def connection(self) -> socket.socket:
        """A connection of its own."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def raw(self, request: bytes) -> str:
        """What comes back on a connection of its own."""
        with self.connection() as connection:
            connection.sendall(request)
            parts = iter(lambda: connection.recv(65536), b"")
            return b"".join(parts).decode()

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._block.release()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), redis_url)
    server.start()
    eventually(server.up, 30)
    yield server
    server.close()


def test_a_command_over_http_rests_in_the_queue(server: Server) -> None:
    answer = server.client.post(
        "/v1/carts/c1/items", json=BODIES["AddItemToCart"], headers=server.login("shopper")
    )
    assert answer.status_code == 202
    assert EmbeddedStorage(str(server.folder / "data")).queue("commands").depth().messages == 1


def test_metrics_count_for_all_workers_and_are_for_operators(server: Server) -> None:
    shopper, operator = server.login("shopper"), server.login("operator")
    for _ in range(8):
        server.client.post("/v1/carts/c1/items", json=BODIES["AddItemToCart"], headers=shopper)
    assert server.client.get("/metrics").status_code == 401
    assert server.client.get("/metrics", headers=shopper).status_code == 403
    texts = [server.client.get("/metrics", headers=operator).text for _ in range(6)]
    # Whichever worker answers: the same sum.
    counted = {
        line
        for text in texts
        for line in text.splitlines()
        if line.startswith("prism_commands_accepted_total{")
    }
    assert len(counted) == 1
    assert 'prism_storage_calls_total{kind="queue.put"}' in texts[0]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(80)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n", 404),
    ],
)
def test_broken_http_is_answered_with_a_problem_too(server: Server, request_: bytes, status: int) -> None:
    answer = server.raw(request_)
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "application/problem+json" in answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"2000\r\n" + b" " * 0x2000 + b"\r\n", 413),
        (b"zz\r\n{}\r\n", 400),
        (b"2\r\n{}\r\n0\r\n\r\n", 422),
    ],
)
def test_a_body_in_chunks_has_the_same_limits(server: Server, body: bytes, status: int) -> None:
    token = server.login("shopper")["Authorization"].encode()
    head = (
        b"POST /v1/carts/c1/items HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
        + token
        + b"\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    sent = body * 9 + b"0\r\n\r\n" if status == 413 else body
    assert server.raw(head + sent).startswith(f"HTTP/1.1 {status} ")


def test_a_connection_outlives_a_body_that_was_refused(server: Server) -> None:
    too_large = (
        b"POST /v1/carts/c1/items HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b" " * 1_000_000
    )
    answers = server.raw(too_large + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answers.startswith("HTTP/1.1 401 ")
    assert "HTTP/1.1 200 OK" in answers


def test_clients_that_send_nothing_or_half_a_head_hold_nobody_up(server: Server) -> None:
    # More than both workers take, and of the half ones more than they have threads.
    allow_files(3000)
    with ExitStack() as open_:
        silent = [open_.enter_context(server.connection()) for _ in range(2100)]
        slow = [open_.enter_context(server.connection()) for _ in range(100)]
        for connection in slow:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        for _ in range(20):
            # Less than the time after which they are given up.
            assert httpx.get(f"{server.client.base_url}/healthz", timeout=8).status_code == 200
        # Who waited longest made room for newcomers.
        assert silent[0].recv(1) == b""
        slow[-1].sendall(b" x\r\nConnection: close\r\n\r\n")
        assert slow[-1].recv(65536).startswith(b"HTTP/1.1 200 ")


def test_clients_that_wait_for_outcomes_leave_threads_to_others(server: Server) -> None:
    # Nobody decides here, so each waits as long as it may.
    headers = server.login("shopper") | {"Prefer": "wait=5"}

    def wait() -> httpx.Response:
        return server.client.post("/v1/carts/c1/items", json=BODIES["AddItemToCart"], headers=headers)

    with ThreadPoolExecutor(60) as clients:
        waiting = [clients.submit(wait) for _ in range(60)]
        eventually(lambda: sum(answer.done() for answer in waiting) > 20)
        assert httpx.get(f"{server.client.base_url}/healthz", timeout=4).status_code == 200
        assert not all(answer.done() for answer in waiting)
        answers = [answer.result() for answer in waiting]
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.headers.get("Preference-Applied") for answer in answers} == {"wait=5", None}


def test_a_client_that_leaves_in_the_middle_of_a_head_is_let_go(server: Server) -> None:
    with server.connection() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_what_is_read_of_a_request_takes_its_time_and_no_more() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"part")
        reader = BoundedReader(ours)
        reader.read_by = time.monotonic() + 60
        assert reader.chunk() == b"part"
        theirs.sendall(b"more")
        reader.read_by = time.monotonic()
        with pytest.raises(NoMoreData):
            reader.chunk()


def test_the_log_names_no_caller_and_no_body(server: Server) -> None:
    headers = server.login("shopper")
    server.client.post("/v1/carts/c1/items", content=b'{"secret": "s3cr3t"', headers=headers)
    server.client.get("/v1/orders", headers={"Authorization": "Bearer s3cr3t"})
    log = server.log.read_text()
    assert "s3cr3t" not in log
    assert "alice" not in log
    assert "GET" not in log


def test_a_worker_counts_on_where_the_one_before_it_ended(server: Server) -> None:
    headers = server.login("operator") | {"Connection": "close"}
    master = psutil.Process(server.process.pid)

    def answered() -> float:
        told = server.client.get("/metrics", headers=headers).text
        counted = re.findall(r'prism_http_requests_total{[^}]*route="/healthz"[^}]*} (\S+)', told)
        return sum(map(float, counted))

    def ask(times: int) -> None:
        for _ in range(times):
            server.client.get("/healthz", headers={"Connection": "close"})

    def replace_one() -> None:
        workers = master.children()
        workers[0].kill()
        eventually(lambda: workers[0] not in master.children() and len(master.children()) == len(workers))
        eventually(server.up)

    ask(20)
    before = answered()
    for _ in range(3):
        replace_one()
    ask(20)
    assert answered() >= before + 20
    # Counters and histograms, of the master and of each worker.
    assert len(list(server.folder.glob("prism-edge-*/*.db"))) <= 2 * (1 + len(master.children()))


WAITERS = 12


def ask(server: Server, body_bytes: int) -> socket.socket:
    """A connection on which a command waits for its outcome, once so much of its body has been sent."""
    body = json.dumps(BODIES["AddItemToCart"]).encode()
    token = server.login("shopper")["Authorization"]
    head = (
        "POST /v1/carts/c1/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nPrefer: wait=30\r\n"
        f"Authorization: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(head.encode() + body[:body_bytes])
    return connection


def test_it_ends_with_what_is_under_way_answered(tmp_path: Path, redis_url: str) -> None:
    server = Server(tmp_path, redis_url)
    server.start()
    try:
        eventually(server.up, 30)
        queue = EmbeddedStorage(str(tmp_path / "data")).queue("commands")
        # Clients that do not hang up: none holds up another.
        waiting = [ask(server, body_bytes=1000) for _ in range(WAITERS)]
        eventually(lambda: queue.depth().messages == WAITERS)
        server.process.send_signal(signal.SIGTERM)
        for connection in waiting:
            answer = connection.recv(65536).decode()
            assert answer.startswith("HTTP/1.1 202 ")
            assert "Preference-Applied" not in answer
        assert server.process.wait(15) == 0
        assert "SIGKILL" not in server.log.read_text()
        assert not list(tmp_path.glob("prism-edge-*")), "the folder of counters is gone"
    finally:
        server.close()


def test_it_ends_although_a_client_stalls_in_the_middle_of_a_body(tmp_path: Path, redis_url: str) -> None:
    server = Server(tmp_path, redis_url)
    server.start()
    try:
        eventually(server.up, 30)
        stalled = ask(server, body_bytes=5)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
        # What rolling restarts count on.
        assert time.monotonic() - began < 10
        stalled.close()
    finally:
        server.close()


def test_what_a_killed_server_left_is_removed_by_the_next(tmp_path: Path, redis_url: str) -> None:
    killed, next_ = Server(tmp_path, redis_url), Server(tmp_path, redis_url)
    try:
        killed.start()
        eventually(killed.up, 30)
        [left] = tmp_path.glob("prism-edge-*")
        killed.close()
        assert left.exists()
        next_.start()
        eventually(next_.up, 30)
        assert not left.exists()
    finally:
        killed.close()
        next_.close()


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"PRISM_DEV_TOKEN_KEY": ""}, "PRISM_DEV_TOKEN_KEY"),
        ({"PRISM_EDGE_WORKERS": "none"}, "PRISM_EDGE_WORKERS"),
        ({"PRISM_AUTH": "jwks"}, "PRISM_JWT_ISSUER"),
    ],
)
def test_a_wrong_setting_is_named_at_the_start(
    tmp_path: Path, redis_url: str, env: dict[str, str], named: str
) -> None:
    server = Server(tmp_path, redis_url, **env)
    server.start()
    try:
        assert server.process.wait(30) != 0
        log = server.log.read_text()
        assert named in log
        assert "Traceback" not in log
    finally:
        server.close()
