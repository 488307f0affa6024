"""Who may call which gRPC method: every method of every service of every worker, as reflection names them.

A service that the tables do not know fails, whether a worker serves it or the contracts only declare it.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from kernel.admin.operators import OPEN_SERVICES
from kernel.channels import open_channel
from kernel.contract import GENERATED
from kernel.settings import Settings, load
from prism.admin.v1.admin_pb2 import ResumeRequest
from prism.admin.v1.admin_pb2_grpc import AdminStub
from tests.access.callers import CALLERS
from tests.access.conftest import Closed
from tests.certificates import Authority, mtls

# Without a token, by design: who asks is a program. With mTLS, one that has a certificate.
OPEN = {
    # Whether it serves, for probes and for the edge's /readyz.
    "grpc.health.v1.Health",
    # What services there are, for grpcurl: the contracts, which are no secret.
    "grpc.reflection.v1alpha.ServerReflection",
    # Wakes a consumer: it finds in its queue what is there, and nothing else happens.
    "prism.mesh.v1.Doorbell",
    # A command's outcome, for the edge, which shows it to the command's sender and to operators.
    "prism.mesh.v1.Outcomes",
}
# Every method of these needs an operator's token.
OPERATORS = "prism.admin.v1."
# Contracts of what the edge makes routes of: nobody serves them over gRPC.
NOT_SERVED = ("Commands", "Queries")
KEPT_OUT = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


def services_of(settings: Settings, target: str) -> Iterator[ServiceDescriptor]:
    with open_channel(settings, target) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        for name in database.get_services():
            yield pool.FindServiceByName(name)


def code_of(
    channel: Any,  # noqa: ANN401 # a channel, whose types know no method without a stub
    method: MethodDescriptor,
    metadata: tuple[tuple[str, str], ...],
) -> grpc.StatusCode:
    """What a call with an empty request ends with."""
    service = method.containing_service
    path = f"/{service.full_name}/{method.name}"
    how: dict[str, Any] = {"metadata": metadata, "timeout": 10}
    try:
        if method.client_streaming and method.server_streaming:
            list(channel.stream_stream(path)(iter([b""]), **how))
        elif method.client_streaming:
            channel.stream_unary(path)(iter([b""]), **how)
        elif method.server_streaming:
            # A stream that lets in may have no end.
            call = channel.unary_stream(path)(b"", **how)
            next(call, None)
            call.cancel()
        else:
            channel.unary_unary(path)(b"", **how)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_every_service_of_the_contracts_has_a_rule() -> None:
    files = [
        importlib.import_module(".".join(path.relative_to(GENERATED).with_suffix("").parts)).DESCRIPTOR
        for path in sorted(GENERATED.glob("prism/**/*_pb2.py"))
    ]
    names = {service.full_name for file in files for service in file.services_by_name.values()}
    assert {n for n in names if n in OPEN or n.startswith(OPERATORS) or n.endswith(NOT_SERVED)} == names
    assert {name for name in names if name.startswith(OPERATORS)}


def test_the_open_services_are_those_that_are_meant_to_be() -> None:
    assert OPEN_SERVICES == OPEN


@pytest.mark.parametrize("worker", ["domain_svc", "projector_svc", "stream_svc"])
def test_every_method_lets_in_whom_its_rule_names(closed: Closed, worker: str) -> None:
    target = closed.workers[worker]
    services = list(services_of(closed.caller, target))
    unknown = [
        s.full_name for s in services if s.full_name not in OPEN and not s.full_name.startswith(OPERATORS)
    ]
    assert not unknown, "no rule says who may call them"
    assert [service for service in services if service.full_name.startswith(OPERATORS)]
    with open_channel(closed.caller, target) as channel:
        for service in services:
            for method in service.methods:
                for caller, roles in CALLERS.items():
                    code = code_of(channel, method, metadata_of(closed, caller, roles))
                    named = f"{method.full_name} for {caller}: {code.name}"
                    if service.full_name in OPEN or roles == frozenset({"operator"}):
                        assert code not in KEPT_OUT, named
                    elif roles is None:
                        assert code == grpc.StatusCode.UNAUTHENTICATED, named
                    else:
                        assert code == grpc.StatusCode.PERMISSION_DENIED, named
        resume(channel, metadata_of(closed, "an operator", frozenset({"operator"})))


@pytest.mark.parametrize(
    "path", ["/prism.admin.v1.Admin/Nothing", "/prism.nothing.v1.Nothing/Nothing", "/", "/x"]
)
def test_what_is_no_method_is_none(closed: Closed, path: str) -> None:
    channel: Any
    with open_channel(closed.caller, closed.workers["domain_svc"]) as channel:
        with pytest.raises(grpc.RpcError) as error:
            channel.unary_unary(path)(b"", timeout=5)
        assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def resume(channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
    """Undoes what calls of every method did: the consumers go on."""
    AdminStub(channel).Resume(ResumeRequest(), metadata=metadata, timeout=5)


def metadata_of(closed: Closed, caller: str, roles: frozenset[str] | None) -> tuple[tuple[str, str], ...]:
    if caller == "nobody":
        return ()
    token = closed.issuer.sign(roles=sorted({"operator"} if roles is None else roles))
    # A forger has a token for everything, and no key.
    return (("authorization", f"Bearer {token[:-4] + 'AAAA' if roles is None else token}"),)


@pytest.mark.parametrize("worker", ["domain_svc", "projector_svc", "stream_svc"])
def test_without_a_certificate_no_method_is_reached(closed: Closed, worker: str) -> None:
    target = closed.workers[worker]
    services = list(services_of(closed.caller, target))
    operator = metadata_of(closed, "an operator", frozenset({"operator"}))
    authority = closed.authority.certificate.read_bytes()
    lines: dict[str, Callable[[], grpc.Channel]] = {
        "in plain text": lambda: open_channel(load({}), target),
        "with TLS and no certificate": lambda: grpc.secure_channel(
            target, grpc.ssl_channel_credentials(authority)
        ),
        "with a stranger's": lambda: open_channel(load(strangers(closed)), target),
    }
    for how, open_line in lines.items():
        with open_line() as channel:
            for service in services:
                for method in service.methods:
                    code = code_of(channel, method, operator)
                    assert code == grpc.StatusCode.UNAVAILABLE, f"{method.full_name} {how}: {code.name}"


def strangers(closed: Closed) -> dict[str, str]:
    """The settings of someone whose certificate another authority signed, and who knows ours."""
    folder = closed.authority.certificate.parent
    return mtls(closed.authority, Authority(folder, "stranger").issue("strangers"))
