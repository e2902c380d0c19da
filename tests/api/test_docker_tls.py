"""An Engine behind mutual TLS: who we are, who it is, and neither taken on trust."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django.fixtures import Settings

from tests.client import ApiClient
from tests.engine_image import engine_url

pytestmark = pytest.mark.docker


@dataclass
class Authority:
    """Signs certificates."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    name: str = "tests"

    @property
    def certificate(self) -> str:
        return self.sign(self.name, self.key, is_authority=True)

    def sign(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, is_authority: bool = False
    ) -> str:
        """The PEM of a certificate for a key."""
        now = dt.datetime.now(dt.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        built = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM).decode()

    def pair(self, name: str) -> tuple[str, str]:
        """A certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()  # fmt: skip
        return self.sign(name, key), text


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@pytest.fixture
def far_engine(tmp_path: Path, settings: Settings) -> Iterator[tuple[str, Authority]]:
    """The Engine's address over TLS, and who signs for both sides."""
    authority = Authority()
    for name, text in zip(("cert", "key"), authority.pair("engine"), strict=True):
        (tmp_path / name).write_text(text)
    (tmp_path / "ca").write_text(authority.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    context.load_verify_locations(tmp_path / "ca")
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    threads = [threading.Thread(target=_serve, args=(listener, context))]
    threads[0].start()
    port = listener.getsockname()[1]
    settings.POWERNODE_EGRESS_ALLOW = [f"127.0.0.1:{port}"]
    yield f"https://127.0.0.1:{port}", authority
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    threads[0].join()


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        with (
            contextlib.suppress(OSError),
            context.wrap_socket(plain, server_side=True) as near,
            socket.socket(socket.AF_UNIX) as engine,
        ):
            engine.connect(engine_url().removeprefix("unix://"))
            back = threading.Thread(target=_copy, args=(engine, near))
            back.start()
            _copy(near, engine)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


def test_both_sides_prove_who_they_are(alice: ApiClient, far_engine: tuple[str, Authority]) -> None:
    url, authority = far_engine
    certificate, key = authority.pair("powernode")
    body = {"name": "far", "api_endpoint": url, "tls_ca": authority.certificate,
            "tls_cert": certificate, "tls_key": key}  # fmt: skip

    made = alice.post("devops/docker/hosts", body).ok(201)

    assert made["status"] == "connected", made["last_error"]
    assert made["docker_version"]


@pytest.mark.parametrize("changes", [{"tls_ca": "other"}, {"tls_cert": "", "tls_key": ""}])
def test_a_side_that_proves_nothing_is_refused(
    alice: ApiClient, far_engine: tuple[str, Authority], changes: dict[str, str]
) -> None:
    url, authority = far_engine
    certificate, key = authority.pair("powernode")
    body = {"name": "far", "api_endpoint": url, "tls_ca": authority.certificate,
            "tls_cert": certificate, "tls_key": key, **changes}  # fmt: skip
    if changes.get("tls_ca"):
        body["tls_ca"] = Authority(name="strangers").certificate

    made = alice.post("devops/docker/hosts", body).ok(201)

    assert made["status"] == "error"
    assert "does not answer" in made["last_error"]
