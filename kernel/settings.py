"""Settings: read from the environment once, checked at start, passed on as one value."""

import os
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from kernel.errors import ConfigurationError

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename=str.upper):
    """What the services take from the environment: the field's name in capitals is the variable."""

    # Storage: `embedded`, or an Azure Storage connection string.
    prism_storage: Text = "embedded"
    prism_data_dir: Text = "var"
    # Begins the names of queues and tables, so that stacks can share a storage account.
    prism_namespace: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9]{0,15}$")] = "prism"
    redis_url: Text = "redis://127.0.0.1:6379/0"

    # Addresses: where the services listen, and where they find each other over gRPC.
    prism_bind: Text = "127.0.0.1"
    prism_edge_port: Port = 8080
    prism_stream_port: Port = 8081
    prism_domain_grpc_port: Port = 9101
    prism_projector_grpc_port: Port = 9102
    prism_stream_grpc_port: Port = 9103
    # Where the two services without an HTTP port of their own serve Prometheus.
    prism_domain_metrics_port: Port = 9111
    prism_projector_metrics_port: Port = 9112
    prism_domain_grpc: str = ""
    prism_projector_grpc: str = ""
    prism_stream_grpc: str = ""

    # TLS of gRPC, by files: see kernel.channels.
    prism_grpc_cert: str = ""
    prism_grpc_key: str = ""
    prism_grpc_ca: str = ""

    # Tokens: `dev` signs and checks with a key of its own, `jwks` checks with an issuer's.
    prism_auth: Literal["dev", "jwks"] = "dev"
    prism_dev_token_key: str = ""
    prism_jwt_issuer: str = ""
    prism_jwt_audience: str = ""
    prism_jwks_url: str = ""

    # Origins of pages that may call from a browser, comma separated, each exactly as a browser sends it.
    prism_cors_origins: str = ""
    # Commands a second and a subject, over time, and how many at once: 0 is no limit, and twice the rate.
    prism_rate_limit: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 0
    prism_rate_burst: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0

    # Messages in the commands queue past which commands are refused; 0 is no limit.
    prism_backlog_limit: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 20_000

    prism_edge_workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    prism_edge_threads: Annotated[int, msgspec.Meta(ge=1, le=512)] = 16
    # Open SSE streams a process; one more is answered 503.
    prism_sse_limit: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 500
    # Seconds between an order's confirmation and its cancellation for want of payment.
    prism_payment_window: Annotated[float, msgspec.Meta(gt=0, le=604800)] = 900
    # True where this is the only domain_svc on its storage: the states it holds need no check
    # before another stream's decision reads them. Wrong use costs freshness, never an event.
    prism_domain_exclusive: bool = False
    # Off: consumers find their messages by polling alone.
    prism_doorbell: bool = True
    prism_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # `auto`: text where stderr is a terminal, else JSON.
    prism_log_format: Literal["auto", "json", "text"] = "auto"

    @property
    def domain_target(self) -> str:
        """Where domain_svc answers gRPC."""
        return self.prism_domain_grpc or f"127.0.0.1:{self.prism_domain_grpc_port}"

    @property
    def projector_target(self) -> str:
        """Where projector_svc answers gRPC."""
        return self.prism_projector_grpc or f"127.0.0.1:{self.prism_projector_grpc_port}"

    @property
    def stream_target(self) -> str:
        """Where stream_svc answers gRPC."""
        return self.prism_stream_grpc or f"127.0.0.1:{self.prism_stream_grpc_port}"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads and checks the settings. ConfigurationError names the variable and what it takes."""
    known = {field.encode_name for field in msgspec.structs.fields(Settings)}
    given = {name: value for name, value in environ.items() if name in known and value != ""}
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error).replace("`$.", "`")) from None
    if settings.prism_auth == "jwks":
        for name in ("prism_jwt_issuer", "prism_jwt_audience", "prism_jwks_url"):
            if not getattr(settings, name):
                raise ConfigurationError(f"`{name.upper()}` is needed when PRISM_AUTH=jwks")
    return settings
