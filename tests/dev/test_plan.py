import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.plan import PORTS, Plan, PortTaken, make
from dev.ports import PortBlock
from kernel.errors import ConfigurationError
from kernel.settings import load


@pytest.fixture
def block() -> Iterator[PortBlock]:
    block = PortBlock()
    yield block
    block.release()


@pytest.fixture
def plan(tmp_path: Path, block: PortBlock) -> Plan:
    return make("embedded", tmp_path, {}, 1, block.take)


def test_a_private_stack_has_ports_a_redis_and_a_key_of_its_own(plan: Plan, tmp_path: Path) -> None:
    settings = load(plan.env)

    assert len({plan.env[name] for name in PORTS}) == len(PORTS)
    assert settings.redis_url == f"redis://{plan.infrastructure['redis']}/0"
    assert settings.prism_data_dir == str(tmp_path)
    assert settings.prism_dev_token_key
    assert settings.prism_domain_exclusive
    names = [program.name for program in plan.programs]
    assert names == ["redis", "domain_svc", "projector_svc", "stream_svc", "edge"]


def test_a_redis_that_is_given_is_used(tmp_path: Path, block: PortBlock) -> None:
    plan = make("embedded", tmp_path, {"REDIS_URL": "redis://elsewhere/1"}, 1, block.take)

    assert plan.env["REDIS_URL"] == "redis://elsewhere/1"
    assert "redis" not in [program.name for program in plan.programs]


def test_replicas_of_domain_svc_have_ports_of_their_own_and_are_not_alone(
    tmp_path: Path, block: PortBlock
) -> None:
    plan = make("embedded", tmp_path, {}, 2, block.take)
    second = plan.programs[-1]

    assert second.name == "domain_svc_2"
    for port in ("PRISM_DOMAIN_GRPC_PORT", "PRISM_DOMAIN_METRICS_PORT"):
        assert second.env[port] != plan.env[port]
    assert not load(plan.env).prism_domain_exclusive


def test_nobody_is_told_to_be_alone_on_storage_that_others_may_use(tmp_path: Path, block: PortBlock) -> None:
    plan = make("UseDevelopmentStorage=true", tmp_path, {}, 1, block.take)

    assert not load(plan.env).prism_domain_exclusive


def test_settings_of_the_caller_do_not_leak_into_a_private_stack(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRISM_NAMESPACE", "mine")
    monkeypatch.setenv("PRISM_EDGE_PORT", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://mine")

    environment = plan.environment()

    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in environment
    assert "PRISM_NAMESPACE" not in environment
    assert environment["PRISM_EDGE_PORT"] == plan.env["PRISM_EDGE_PORT"]
    assert environment["PATH"] == os.environ["PATH"]


def test_a_stack_can_be_told_where_its_traces_go(tmp_path: Path, block: PortBlock) -> None:
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}
    plan = make("embedded", tmp_path, given, 1, block.take)

    assert plan.environment()["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector"


def test_a_taken_port_is_named_with_its_variable(tmp_path: Path, block: PortBlock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        with pytest.raises(PortTaken, match=f"{port}.*PRISM_STREAM_PORT"):
            make("embedded", tmp_path, {"PRISM_STREAM_PORT": port}, 1, block.take)


@pytest.mark.parametrize(
    ("storage", "wrong", "named"),
    [
        ("embedded", {"PRISM_EDGE_WORKERS": "many"}, "PRISM_EDGE_WORKERS"),
        ("embedded", {"PRISM_DEV_TOKEN_KEY": "short"}, "PRISM_DEV_TOKEN_KEY"),
        ("embedded", {"PRISM_AUTH": "jwks"}, "PRISM_JWT_ISSUER"),
        ("memory", {}, "PRISM_STORAGE"),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, block: PortBlock, storage: str, wrong: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        make(storage, tmp_path, wrong, 1, block.take)
