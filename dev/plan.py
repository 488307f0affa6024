"""What a stack consists of: the settings of its services and the programs to run, nothing started yet."""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dev import azurite, folder, redis
from dev.ports import is_free, listen
from dev.supervisor import Program
from kernel import configuration, settings

SERVICES = ("domain_svc", "projector_svc", "stream_svc", "edge")
PORTS = (
    "PRISM_EDGE_PORT",
    "PRISM_STREAM_PORT",
    "PRISM_DOMAIN_GRPC_PORT",
    "PRISM_PROJECTOR_GRPC_PORT",
    "PRISM_STREAM_GRPC_PORT",
    "PRISM_DOMAIN_METRICS_PORT",
    "PRISM_PROJECTOR_METRICS_PORT",
)
# What serves HTTP, and on which port. Its socket is the stack's: see `Plan.listen`.
HTTP_PORTS = {"stream_svc": "PRISM_STREAM_PORT", "edge": "PRISM_EDGE_PORT"}
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 what PRISM_BIND may say


class PortTaken(Exception):
    """Something listens on a port of the stack; the text says which variable names it."""


@dataclass(frozen=True)
class Plan:
    """Everything that `dev.stack` starts, and with what."""

    # The services' settings, complete: `kernel.settings.load` takes them.
    env: Mapping[str, str]
    # What has to answer on an address before the services start.
    infrastructure: Mapping[str, str]
    programs: list[Program]

    @property
    def bind(self) -> str:
        """Where the services listen."""
        return self.env.get("PRISM_BIND", "127.0.0.1")

    @property
    def host(self) -> str:
        """Where this machine finds them."""
        return "127.0.0.1" if self.bind in WILDCARDS else self.bind

    def address(self, port: str) -> str:
        """`host:port` of what listens on the port that a variable names."""
        return f"{self.host}:{self.env[port]}"

    def listen(self) -> dict[str, socket.socket]:
        """Sockets on which clients wait for the services that serve HTTP. PortTaken if one cannot be had."""
        listening: dict[str, socket.socket] = {}
        for service, name in HTTP_PORTS.items():
            try:
                listening[service] = listen(int(self.env[name]), self.bind)
            except OSError:
                for other in listening.values():
                    other.close()
                raise _taken(name, self.env[name]) from None
        return listening

    def environment(self) -> dict[str, str]:
        """The programs' environment: this process's, with no other settings than the plan's."""
        rest = {name: value for name, value in os.environ.items() if not is_setting(name)}
        return rest | dict(self.env) | {"PYTHONUNBUFFERED": "1"}


def is_setting(variable: str) -> bool:
    """True for an environment variable that services read: theirs, and OpenTelemetry's."""
    return variable.startswith(("PRISM_", "OTEL_")) or variable == "REDIS_URL"


def make(
    storage: str,
    data_dir: Path,
    given: Mapping[str, str],
    replicas: int,
    take_port: Callable[[], int],
    service_env: Mapping[str, Mapping[str, str]] | None = None,
) -> Plan:
    """The plan for a data folder that is ours. A port that `given` does not name is taken.

    `service_env` has what single services are started with, beside the settings of all.

    PortTaken when a port is in use; ConfigurationError names a setting that is wrong; NoRedis.
    Installs Azurite if it is asked for and not there.
    """
    env = {name: value for name, value in given.items() if value != ""}
    env |= {name: str(take_port()) for name in PORTS if name not in env}
    env["PRISM_DATA_DIR"] = str(data_dir)
    if env.get("PRISM_AUTH", "dev") == "dev" and "PRISM_DEV_TOKEN_KEY" not in env:
        env["PRISM_DEV_TOKEN_KEY"] = folder.token_key(data_dir)
    # Storage that nobody else has is worked by our own domain_svc alone, unless there are several.
    if storage in ("embedded", "azurite"):
        env.setdefault("PRISM_DOMAIN_EXCLUSIVE", str(replicas == 1).lower())
    programs, infrastructure = [], {}
    if "REDIS_URL" not in env:
        port = take_port()
        command = redis.command(port, _made(data_dir / "run" / "redis"))
        programs.append(Program("redis", command, "infrastructure"))
        infrastructure["redis"] = f"127.0.0.1:{port}"
        env["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    if storage == "azurite":
        blob, queue, table = take_port(), take_port(), take_port()
        command = azurite.command(
            _made(data_dir / "azurite"), blob_port=blob, queue_port=queue, table_port=table
        )
        programs.append(Program("azurite", command, "infrastructure"))
        infrastructure["azurite"] = f"127.0.0.1:{table}"
        storage = azurite.connection_string(queue, table)
    env["PRISM_STORAGE"] = storage
    configuration.check(settings.load(env))
    programs += [
        Program(name, [sys.executable, "-m", name], "services", (service_env or {}).get(name, {}))
        for name in SERVICES
    ]
    replicas_at = [f"127.0.0.1:{env['PRISM_DOMAIN_GRPC_PORT']}"]
    for number in range(2, replicas + 1):
        ports_of_its_own = {
            name: str(take_port()) for name in ("PRISM_DOMAIN_GRPC_PORT", "PRISM_DOMAIN_METRICS_PORT")
        }
        command = [sys.executable, "-m", "domain_svc"]
        programs.append(Program(f"domain_svc_{number}", command, "services", ports_of_its_own))
        replicas_at.append(f"127.0.0.1:{ports_of_its_own['PRISM_DOMAIN_GRPC_PORT']}")
    if replicas > 1:
        # So that whoever asks goes to one that runs.
        env.setdefault("PRISM_DOMAIN_GRPC", "ipv4:" + ",".join(replicas_at))
    plan = Plan(env, infrastructure, programs)
    _check_ports(plan)
    return plan


def _check_ports(plan: Plan) -> None:
    for name in PORTS:
        if not is_free(int(plan.env[name]), plan.bind):
            raise _taken(name, plan.env[name])


def _taken(name: str, port: str) -> PortTaken:
    return PortTaken(f"Port {port} is taken: set {name} to another, or stop what listens there.")


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
