"""No URL that a person enters reaches the machine's own network."""

import datetime as dt
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from devops.safety import addresses, egress, egress_httpx

CORPUS = (Path(__file__).parents[1] / "corpora/urls/hostile.txt").read_text().splitlines()
NAMES = {
    "public.test": ["93.184.216.34"],
    "metadata.test": ["169.254.169.254"],
    "split.test": ["93.184.216.34", "127.0.0.1"],
    "mapped.test": ["::ffff:10.0.0.1"],
    "localhost": ["127.0.0.1"],
    "localhost.": ["127.0.0.1"],
    "localhost.localdomain": ["127.0.0.1"],
}


def lookup(host: str, port: int) -> list[str]:
    if host.lower() in NAMES:
        return NAMES[host.lower()]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [str(address[4][0]) for address in found]


def lookup_off_line(host: str, port: int) -> list[str]:
    """Know no public host: some libraries read a URL so that only its public part is left."""
    if host == "public.test":
        raise OSError("off line")
    return lookup(host, port)


POLICY = egress.Policy(lookup=lookup)
OFF_LINE = egress.Policy(lookup=lookup_off_line)


class Sink:
    """A server on loopback that counts what reaches it and answers as told."""

    def __init__(self) -> None:
        sink = self
        self.seen: list[tuple[str, str]] = []
        self.body = b"hello"
        self.location = ""
        self.ends = threading.Event()
        self.is_dripping = False

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sink.seen.append((self.path, self.headers["Host"]))
                if sink.is_dripping:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not sink.ends.wait(0.05):
                        try:
                            self.wfile.write(b"x")
                        except OSError:
                            return
                    return
                self.send_response(302 if sink.location else 200)
                if sink.location:
                    self.send_header("Location", sink.location)
                self.send_header("Content-Length", str(len(sink.body)))
                self.end_headers()
                self.wfile.write(sink.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing; the base class would write to stderr."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"


@pytest.fixture
def sink() -> Iterator[Sink]:
    running = Sink()
    thread = threading.Thread(target=running.server.serve_forever, args=(0.05,))
    thread.start()
    yield running
    running.ends.set()
    running.server.shutdown()
    running.server.server_close()
    thread.join()


def allowing(*entries: str) -> egress.Policy:
    return egress.Policy(allow=entries, lookup=lookup)


@pytest.mark.parametrize("url", CORPUS)
def test_a_hostile_url_is_refused_when_it_is_entered(url: str) -> None:
    with pytest.raises((egress.AddressNotAllowed, egress.HostNotFound)):
        egress.check_url(url, policy=POLICY)


@pytest.mark.parametrize("url", CORPUS)
def test_a_hostile_url_is_refused_when_it_is_called(url: str) -> None:
    with pytest.raises((egress.AddressNotAllowed, egress.HostNotFound)):
        egress.request("GET", url, policy=OFF_LINE, total_seconds=5)


@pytest.mark.parametrize("url", CORPUS)
def test_a_hostile_url_is_refused_by_the_session_of_sdks(url: str) -> None:
    refused = (egress.AddressNotAllowed, egress.HostNotFound, requests.RequestException)
    with egress.session(OFF_LINE) as session, pytest.raises(refused) as caught:
        session.get(url)
    assert not isinstance(caught.value, requests.ConnectionError | requests.Timeout)


@pytest.mark.parametrize("url", CORPUS)
def test_a_hostile_url_is_refused_by_the_httpx_transport(url: str) -> None:
    refused = (
        egress.AddressNotAllowed,
        egress.HostNotFound,
        httpx.InvalidURL,
        httpx.UnsupportedProtocol,
    )
    with egress_httpx.client(OFF_LINE) as client, pytest.raises(refused):
        client.get(url)


def test_loopback_is_reached_only_when_the_operator_names_it(sink: Sink) -> None:
    with pytest.raises(egress.AddressNotAllowed, match=r"127\.0\.0\.1"):
        egress.request("GET", sink.url, policy=POLICY)
    assert sink.seen == []
    for entry in ("127.0.0.1", "127.0.0.0/8", f"127.0.0.1:{sink.port}"):
        answer = egress.request("GET", sink.url, policy=allowing(entry))
        assert (answer.status, answer.body) == (200, b"hello")
    with pytest.raises(egress.AddressNotAllowed):
        egress.request("GET", sink.url, policy=allowing("127.0.0.1:1"))


def test_the_host_header_keeps_the_name(sink: Sink) -> None:
    egress.request("GET", f"http://localhost:{sink.port}/a", policy=allowing("localhost"))
    assert sink.seen == [("/a", f"localhost:{sink.port}")]


def test_the_address_that_was_checked_is_the_one_connected_to(sink: Sink) -> None:
    answers = iter([["127.0.0.1"], ["93.184.216.34"]])
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    policy = egress.Policy(allow=("127.0.0.0/8",), lookup=rebinding)
    answer = egress.request("GET", f"http://rebind.test:{sink.port}/", policy=policy)
    assert answer.status == 200
    assert asked == ["rebind.test"]


def test_a_redirect_is_an_answer_and_is_not_followed(sink: Sink) -> None:
    sink.location = f"{sink.url}inner"
    answer = egress.request("GET", sink.url, policy=allowing("127.0.0.1"))
    assert (answer.status, answer.headers["Location"]) == (302, f"{sink.url}inner")
    assert [path for path, _ in sink.seen] == ["/"]


def test_a_session_does_not_follow_redirects_either(sink: Sink) -> None:
    sink.location = f"{sink.url}inner"
    with egress.session(allowing("127.0.0.1")) as session:
        assert session.get(sink.url, allow_redirects=True).status_code == 302


def test_an_answer_over_the_limit_is_refused(sink: Sink) -> None:
    sink.body = b"x" * 200_000
    with pytest.raises(egress.AnswerTooLarge, match="100000 bytes"):
        egress.request("GET", sink.url, policy=allowing("127.0.0.1"), max_bytes=100_000)


def test_an_answer_that_drips_is_cut_off_at_the_deadline(sink: Sink) -> None:
    sink.is_dripping = True
    with pytest.raises(egress.RequestFailed, match=r"within 0\.3 s"):
        egress.request("GET", sink.url, policy=allowing("127.0.0.1"), total_seconds=0.3)


def test_proxies_of_the_environment_are_ignored(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    policy = allowing("127.0.0.1")
    assert egress.request("GET", sink.url, policy=policy).status == 200
    with egress_httpx.client(policy) as client:
        assert client.get(sink.url).status_code == 200


def test_a_refused_connection_is_worth_another_try() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(egress.RequestFailed, match="could not be reached"):
            egress.request("GET", f"http://127.0.0.1:{port}/", policy=allowing("127.0.0.1"))


def certificate(folder: Path, name: str) -> Path:
    """Write a key and a self-signed certificate for ``name`` into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize(("name", "is_right"), [("tls.test", True), ("other.test", False)])
def test_tls_checks_the_name_and_not_the_address(
    name: str, sink: Sink, tmp_path: Path, *, is_right: bool
) -> None:
    pem = certificate(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    sink.server.socket = context.wrap_socket(sink.server.socket, server_side=True)
    policy = egress.Policy(allow=("127.0.0.0/8",), lookup=lambda _host, _port: ["127.0.0.1"])
    with egress.session(policy) as session:
        session.verify = str(pem)
        url = f"https://tls.test:{sink.port}/"
        if is_right:
            assert session.get(url).text == "hello"
        else:
            with pytest.raises(requests.exceptions.SSLError, match=r"other\.test"):
                session.get(url)


def test_public_addresses_on_usual_ports_are_allowed() -> None:
    for url in ("http://public.test/", "https://public.test:8443/x?y=1", "http://8.8.8.8/"):
        assert egress.check_url(url, policy=POLICY)


def test_the_policy_of_the_operator_is_the_default(settings: object) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ["10.0.0.0/8"]  # type: ignore[attr-defined]
    assert addresses.default_policy().allow == ("10.0.0.0/8",)
