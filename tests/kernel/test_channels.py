"""gRPC with certificates: real files, a real worker, and callers of every kind."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kernel.certificates import check_files
from kernel.channels import open_channel
from kernel.doorbell import Bell
from kernel.errors import ConfigurationError
from kernel.settings import Settings, load
from kernel.tokens import issue_dev_token, open_tokens
from kernel.worker_server import WorkerServer
from prism.admin.v1 import admin_pb2, admin_pb2_grpc
from prism.mesh.v1 import mesh_pb2, mesh_pb2_grpc
from tests.certificates import Authority, mtls
from tests.kernel.workers import free_port
from tests.support import eventually

OK = grpc.StatusCode.OK
CLOSED = grpc.StatusCode.UNAVAILABLE
KEY = {"PRISM_DEV_TOKEN_KEY": "k" * 40}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextmanager
def worker(settings: Settings, rung: Event | None = None) -> Iterator[str]:
    """A worker that serves. Gives its target."""
    port = free_port()
    rings = {"idle": rung.set} if rung else {}
    server = WorkerServer(
        settings,
        service="worker",
        port=port,
        tokens=open_tokens(settings),
        consumers=[],
        healthy=lambda: True,
        rings=rings,
    )
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0)


def outcome_of(call: Callable[[], object]) -> grpc.StatusCode:
    """The code of a call."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def serving(settings: Settings, target: str) -> bool:
    """Whether a caller with these settings reaches a worker's health."""
    # No reuse of what another test's channel knows of a port.
    options = [("grpc.use_local_subchannel_pool", 1)]
    with open_channel(settings, target, options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return outcome_of(lambda: stub.Check(health_pb2.HealthCheckRequest(), timeout=2)) == OK


def test_with_an_authority_both_sides_know_each_other(authority: Authority) -> None:
    server = load(KEY | mtls(authority, authority.issue("server")))
    caller = load(mtls(authority, authority.issue("caller")))
    with worker(server) as target:
        assert serving(caller, target)


def test_whoever_has_no_certificate_of_the_authority_reaches_nothing(
    authority: Authority, tmp_path: Path
) -> None:
    """Not health, not reflection, not the mesh, not the admin plane: the line is closed before any call."""
    server = load(KEY | mtls(authority, authority.issue("server")))
    stranger = Authority(tmp_path, "stranger")
    theirs = mtls(authority, stranger.issue("theirs"))
    ended = mtls(authority, authority.issue("ended", ends_in_s=-30))
    with worker(server) as target:
        assert not serving(load({}), target), "in plain text"
        assert not serving(load(theirs), target), "with another authority's certificate"
        assert not serving(load(ended), target), "with one that has ended"
        bare = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
        token = issue_dev_token(server, "olga", ["operator"])
        metadata = (("authorization", f"Bearer {token}"),)
        with grpc.secure_channel(target, bare) as channel:
            admin, doorbell = admin_pb2_grpc.AdminStub(channel), mesh_pb2_grpc.DoorbellStub(channel)
            status = admin_pb2.StatusRequest()
            rings = iter([mesh_pb2.RingRequest()])
            assert outcome_of(lambda: admin.Status(status, timeout=2, metadata=metadata)) == CLOSED, "a token"
            assert outcome_of(lambda: doorbell.Ring(rings, timeout=2)) == CLOSED


def test_a_certificate_is_no_operator(authority: Authority) -> None:
    server = load(KEY | mtls(authority, authority.issue("server")))
    with worker(server) as target, open_channel(server, target) as channel:
        admin = admin_pb2_grpc.AdminStub(channel)
        code = outcome_of(lambda: admin.Status(admin_pb2.StatusRequest(), timeout=2))
    assert code == grpc.StatusCode.UNAUTHENTICATED


def test_a_caller_takes_no_server_that_is_not_who_it_should_be(authority: Authority, tmp_path: Path) -> None:
    caller = load(mtls(authority, authority.issue("caller")))
    stranger = Authority(tmp_path, "stranger")
    of_a_stranger = load(KEY | mtls(authority, stranger.issue("impostor")))
    of_another_host = load(KEY | mtls(authority, authority.issue("elsewhere", "elsewhere.test")))
    for server in (load(KEY), of_a_stranger, of_another_host):
        with worker(server) as target:
            assert not serving(caller, target)


def test_without_an_authority_a_server_proves_itself_and_asks_for_nothing(authority: Authority) -> None:
    cert, key = authority.issue("server")
    tls = {"PRISM_GRPC_CERT": str(cert), "PRISM_GRPC_KEY": str(key)}
    with worker(load(KEY | tls)) as target:
        trusting = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
        with grpc.secure_channel(target, trusting) as channel:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        assert not serving(load({}), target), "in plain text"
        assert not serving(load(tls), target), "this machine trusts no such authority"


def test_a_bell_shows_its_certificate(authority: Authority) -> None:
    settings = load(KEY | mtls(authority, authority.issue("both")))
    rung = Event()
    with worker(settings, rung) as target:
        bell = Bell(settings, target, "idle")
        bell.ring()
        eventually(rung.is_set)
        bell.close()


def test_a_server_takes_a_renewed_certificate_without_a_restart(authority: Authority, tmp_path: Path) -> None:
    """The authority is another one too: who knows the new one alone is let in."""
    settings = load(KEY | mtls(authority, authority.issue("server")))
    before = load(mtls(authority, authority.issue("before")))
    (tmp_path / "next").mkdir()
    next_ = Authority(tmp_path / "next")
    after = load(mtls(next_, next_.issue("after")))
    with worker(settings) as target:
        assert serving(before, target)
        assert not serving(after, target)
        cert, key = next_.issue("server")
        Path(settings.prism_grpc_cert).write_text("half writ")
        assert serving(before, target), "half a file changes nothing"
        shutil.copy(key, settings.prism_grpc_key)
        shutil.copy(cert, settings.prism_grpc_cert)
        shutil.copy(next_.certificate, authority.certificate)
        assert serving(after, target)


def test_files_that_cannot_be_used_are_named_at_the_start(authority: Authority, tmp_path: Path) -> None:
    cert, key = map(str, authority.issue("one"))
    _, other_key = map(str, authority.issue("other"))
    _, locked_key = map(str, authority.issue("locked", password=b"secret"))
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    ca = str(authority.certificate)
    wrong = [
        ("PRISM_GRPC_KEY", cert, "", ""),
        ("PRISM_GRPC_CERT", "", key, ""),
        ("PRISM_GRPC_CERT", "", "", ca),
        ("PRISM_GRPC_CERT", str(tmp_path / "missing.pem"), key, ""),
        ("PRISM_GRPC_KEY", cert, str(tmp_path / "missing.key"), ""),
        ("PRISM_GRPC_CA", cert, key, str(tmp_path / "missing.pem")),
        ("PRISM_GRPC_KEY", cert, other_key, ""),
        ("PRISM_GRPC_KEY", cert, locked_key, ""),
        ("PRISM_GRPC_KEY", cert, str(nothing), ""),
        ("PRISM_GRPC_CERT", str(nothing), key, ""),
        ("PRISM_GRPC_CERT", str(tmp_path), key, ""),
        ("PRISM_GRPC_CA", cert, key, str(nothing)),
    ]
    for named, cert_file, key_file, ca_file in wrong:
        settings = Settings(prism_grpc_cert=cert_file, prism_grpc_key=key_file, prism_grpc_ca=ca_file)
        with pytest.raises(ConfigurationError, match=named):
            check_files(settings)
        with pytest.raises(ConfigurationError, match=named):
            open_channel(settings, "127.0.0.1:1")
    check_files(Settings(prism_grpc_cert=cert, prism_grpc_key=key, prism_grpc_ca=ca))
    check_files(Settings())
