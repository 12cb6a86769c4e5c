"""certificates: good and bad identities for a server on loopback, made anew for each run."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import os
import ssl
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_DAY = datetime.timedelta(days=1)
_PEM = serialization.Encoding.PEM


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _addresses(*addresses: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    )


class Issuer:
    """A certificate authority."""

    def __init__(self, name: str, above: Issuer | None = None, *, is_ca: bool = True) -> None:
        self.name = _name(name)
        self.key: Key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        signer = above or self
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 2 * _DAY)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(signer.key, hashes.SHA256())
        )

    def issue(
        self,
        *,
        key: Key | None = None,
        names: x509.SubjectAlternativeName | None = None,
        unnamed: bool = False,
        common_name: str = "127.0.0.1",
        age: datetime.timedelta = _DAY,
        life: datetime.timedelta = 3 * _DAY,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        own: bool = False,
    ) -> bytes:
        """A server's certificate and key, in one PEM text; `own` signs it with its own key.

        An unnamed one says nowhere but in its common name whose it is.
        """
        key = key or ec.generate_private_key(ec.SECP256R1())
        begins = datetime.datetime.now(datetime.timezone.utc) - age
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(_name(common_name) if own else self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if not unnamed:
            names = names or _addresses("127.0.0.1", "127.0.0.2")
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(key if own else self.key, hashes.SHA256())
        secret = key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return secret + certificate.public_bytes(_PEM)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(_PEM)


def _chains() -> tuple[bytes, dict[str, bytes]]:
    """The trusted authority, and every identity by name."""
    trusted, foreign = Issuer("Hostile test CA"), Issuer("Unknown test CA")
    # Named like the trusted one: only its key is another.
    namesake = Issuer("Hostile test CA")
    leaf = Issuer("127.0.0.1", trusted, is_ca=False)
    huge = x509.SubjectAlternativeName(
        [x509.DNSName(f"a{number:06}.example.net") for number in range(2000)]
    )
    return trusted.pem, {
        "good": trusted.issue(),
        "expired": trusted.issue(age=10 * _DAY, life=_DAY),
        "not yet valid": trusted.issue(age=-_DAY),
        "other address": trusted.issue(names=_addresses("127.0.0.9")),
        "other name": trusted.issue(
            names=x509.SubjectAlternativeName([x509.DNSName("api.example.net")]),
        ),
        "any name": trusted.issue(names=x509.SubjectAlternativeName([x509.DNSName("*")])),
        "address as a name": trusted.issue(
            names=x509.SubjectAlternativeName([x509.DNSName("127.0.0.1")]), common_name="x"
        ),
        "common name alone": trusted.issue(unnamed=True),
        "a name for mail alone": trusted.issue(
            names=x509.SubjectAlternativeName([x509.RFC822Name("soc@example.net")])
        ),
        "self-signed": trusted.issue(own=True),
        "unknown authority": foreign.issue() + foreign.pem,
        "forged authority": namesake.issue() + namesake.pem,
        "issued by a server": leaf.issue() + leaf.pem,
        "for clients": trusted.issue(usage=ExtendedKeyUsageOID.CLIENT_AUTH),
        "weak key": trusted.issue(key=rsa.generate_private_key(65537, 1024)),
        "finite fields": trusted.issue(key=rsa.generate_private_key(65537, 2048)),
        "two thousand names": trusted.issue(names=huge),
    }


def _old(context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        # That these versions are deprecated is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version


def _null_cipher(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("eNULL:@SECLEVEL=0")


def _wants_client(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_REQUIRED


def _lenient(context: ssl.SSLContext) -> None:
    context.set_ciphers("DEFAULT:@SECLEVEL=0")


def _finite_fields(context: ssl.SSLContext) -> None:
    """Keys are agreed on modulo a number that the server chooses."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("kDHE")
    # PKCS #3: the modulus 2^2048 - 1, which is no prime, and the generator 2.
    modulus = bytes.fromhex("0282010100") + b"\xff" * 256
    numbers = base64.encodebytes(bytes.fromhex("30820108") + modulus + bytes.fromhex("020102"))
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"-----BEGIN DH PARAMETERS-----\n" + numbers + b"-----END DH PARAMETERS-----\n")
        file.flush()
        context.load_dh_params(file.name)


#: What TLS an identity speaks; with the good certificate, unless it has one of its own.
_MANNERS: dict[str, Callable[[ssl.SSLContext], None]] = {
    "TLS 1.0": lambda context: _old(context, ssl.TLSVersion.TLSv1),
    "TLS 1.1": lambda context: _old(context, ssl.TLSVersion.TLSv1_1),
    "no encryption": _null_cipher,
    "client certificate wanted": _wants_client,
    "weak key": _lenient,
    "finite fields": _finite_fields,
}


class Identities:
    """Everything a hostile server can show, in files of one folder."""

    def __init__(self, folder: Path) -> None:
        trusted, chains = _chains()
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(trusted)
        self._files: dict[str, Path] = {}
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}
        for number, (name, chain) in enumerate(chains.items()):
            path = folder / f"{number}.pem"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
                out.write(chain)
            self._files[name] = path

    def context(self, name: str, protocol: str) -> ssl.SSLContext:
        """For an identity and the one protocol that is agreed on."""
        key = (name, protocol)
        if key not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            if name in _MANNERS:
                _MANNERS[name](context)
            context.load_cert_chain(self._files[name if name in self._files else "good"])
            context.set_alpn_protocols([protocol])
            self._contexts[key] = context
        return self._contexts[key]

    def authority_of(self, name: str) -> bytes:
        """The last certificate that an identity shows: its own authority's, where it shows that."""
        chain = self._files[name].read_bytes()
        return chain[chain.rindex(b"-----BEGIN CERTIFICATE") :]
