"""Certificates as an operator makes them: an authority, and what it signs, in files."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


class Authority:
    """An authority whose certificate rests in a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / f"{name}.pem"
        limits = x509.BasicConstraints(ca=True, path_length=0)
        builder = _builder(self._name, self._name, self._key.public_key(), -60, 3600)
        signed = builder.add_extension(limits, critical=True).sign(self._key, hashes.SHA256())
        self.certificate.write_bytes(signed.public_bytes(Encoding.PEM))

    def issue(
        self, name: str, host: str = "127.0.0.1", *, ends_in_s: float = 3600, password: bytes = b""
    ) -> tuple[Path, Path]:
        """A certificate for a host, and its key, as files of that name: overwritten when they exist."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            subject: x509.GeneralName = x509.IPAddress(ip_address(host))
        except ValueError:
            subject = x509.DNSName(host)
        builder = _builder(_named(name), self._name, key.public_key(), min(-60, ends_in_s - 60), ends_in_s)
        alternatives = x509.SubjectAlternativeName([subject])
        signed = builder.add_extension(alternatives, critical=False).sign(self._key, hashes.SHA256())
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        files[0].write_bytes(signed.public_bytes(Encoding.PEM))
        kept: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kept))
        return files


def mtls(authority: Authority, files: tuple[Path, Path]) -> dict[str, str]:
    """The settings of who has these files."""
    return {
        "PRISM_GRPC_CERT": str(files[0]),
        "PRISM_GRPC_KEY": str(files[1]),
        "PRISM_GRPC_CA": str(authority.certificate),
    }


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begins_in_s: float,
    ends_in_s: float,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(seconds=begins_in_s))
        .not_valid_after(now + timedelta(seconds=ends_in_s))
    )
