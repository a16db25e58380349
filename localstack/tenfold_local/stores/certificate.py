"""A server's certificate for this machine, from a certificate authority that signs nothing else."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

# Longer than anything here runs.
DAYS = 30


def make(folder: Path) -> None:
    """Writes ca.pem, which clients verify with, server.pem and server.key. The authority's own key is kept nowhere."""
    # It is in the tools' environment only.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def unsigned(subject: str, key: ec.EllipticCurvePrivateKey, is_authority: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("Tenfold's local platform"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            # Clocks differ, of a container for instance.
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=DAYS))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_usage(is_authority), critical=True)
        )

    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    signed = unsigned("Tenfold's local platform", authority, True).sign(authority, hashes.SHA256())
    # OpenSSL's strict checks, Python's since 3.13, want these.
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        unsigned("localhost", server, False)
        .add_extension(issuer, critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key = folder / "server.key"
    key.touch(mode=0o600)
    key.write_bytes(
        server.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _usage(is_authority: bool):
    from cryptography import x509

    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    names += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    wanted = "key_cert_sign" if is_authority else "digital_signature"
    return x509.KeyUsage(**{name: name == wanted for name in names})
