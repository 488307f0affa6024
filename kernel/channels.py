"""gRPC between our own programs: in plain text, or with TLS, or with certificates on both sides.

    PRISM_GRPC_CERT, PRISM_GRPC_KEY    servers prove who they are; so do clients that are asked to
    PRISM_GRPC_CA                      both sides take none but certificates that this authority signed

A server reads its certificate anew when the files change. A client reads its own when it opens a channel:
renew them before they end, and restart.
"""

from collections.abc import Sequence
from pathlib import Path

import grpc

from kernel.certificates import check_files
from kernel.errors import ConfigurationError
from kernel.settings import Settings

# A server that comes back is found within half a second; within one where its name leads elsewhere by then.
CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 300),
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    ("grpc.lb_policy_name", "round_robin"),
)
Options = Sequence[tuple[str, str | int]]


def open_channel(settings: Settings, target: str, options: Options = CHANNEL_OPTIONS) -> grpc.Channel:
    """A channel to one of our servers. Connects at the first call (so: after fork).

    With a certificate in the settings the server must prove that it is `target`: to PRISM_GRPC_CA, or, where
    none is given, to an authority that this machine trusts. ConfigurationError for files that cannot be used.
    """
    if not settings.prism_grpc_cert:
        check_files(settings)
        return grpc.insecure_channel(target, options)
    certificate = _Certificate(settings)
    if certificate.authority is None:
        # Nobody asks for ours, and the authorities are the machine's.
        trusted = grpc.ssl_channel_credentials()
    else:
        trusted = grpc.ssl_channel_credentials(certificate.authority, certificate.key, certificate.chain)
    return grpc.secure_channel(target, trusted, options)


def listen(server: grpc.Server, settings: Settings, address: str) -> None:
    """Has a server listen. RuntimeError for an address that is taken, ConfigurationError for files that
    cannot be used."""
    if not settings.prism_grpc_cert:
        check_files(settings)
        server.add_insecure_port(address)
        return
    certificate = _Certificate(settings)
    server.add_secure_port(
        address,
        grpc.dynamic_ssl_server_credentials(
            certificate.configuration(),
            certificate.renewed,  # type: ignore[arg-type] # the stubs forget that None is no change
            require_client_authentication=certificate.authority is not None,
        ),
    )


class _Certificate:
    """The files that the settings name, as they are now."""

    def __init__(self, settings: Settings) -> None:
        check_files(settings)
        self._settings = settings
        self.chain = Path(settings.prism_grpc_cert).read_bytes()
        self.key = Path(settings.prism_grpc_key).read_bytes()
        self.authority = Path(settings.prism_grpc_ca).read_bytes() if settings.prism_grpc_ca else None

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """What a server shows and asks for."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.chain)], self.authority)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """The same of files that have changed; None while they have not, or are half written.

        gRPC asks at each handshake.
        """
        try:
            now = _Certificate(self._settings)
        except (ConfigurationError, OSError):
            return None
        if (now.chain, now.key, now.authority) == (self.chain, self.key, self.authority):
            return None
        self.chain, self.key, self.authority = now.chain, now.key, now.authority
        return self.configuration()
