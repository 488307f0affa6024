"""The files that gRPC's certificates come from: whether they can be used. Loads no gRPC, so: before a fork."""

import ssl
from pathlib import Path

from kernel.errors import ConfigurationError
from kernel.settings import Settings


def check_files(settings: Settings) -> None:
    """Returns if the certificates that the settings name can be used; else ConfigurationError."""
    cert, key, authority = settings.prism_grpc_cert, settings.prism_grpc_key, settings.prism_grpc_ca
    if bool(cert) != bool(key):
        missing = "PRISM_GRPC_KEY" if cert else "PRISM_GRPC_CERT"
        raise ConfigurationError(f"`{missing}` is needed: a certificate and its key come together")
    if authority and not cert:
        raise ConfigurationError(
            "`PRISM_GRPC_CERT` and `PRISM_GRPC_KEY` are needed with PRISM_GRPC_CA: both sides show certificates"
        )
    if cert:
        _read("PRISM_GRPC_CERT", cert)
        _read("PRISM_GRPC_KEY", key)
        try:
            # A key with a password is not asked for it, but refused.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=lambda: "")
        except (OSError, ValueError):
            raise ConfigurationError(
                "`PRISM_GRPC_CERT` and `PRISM_GRPC_KEY` must be PEM files, of a certificate and the key that "
                "belongs to it, without a password"
            ) from None
    if authority:
        _read("PRISM_GRPC_CA", authority)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(authority)
        except (OSError, ValueError):
            raise ConfigurationError(
                "`PRISM_GRPC_CA` must be a PEM file with the certificate of an authority"
            ) from None


def _read(variable: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"`{variable}` names a file that cannot be read: {error.strerror}") from None
