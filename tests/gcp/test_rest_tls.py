"""Calls over TLS: to whom the machine's certificates vouch for, and to nobody else."""

import ssl
import threading
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from portable_gcp import rest as rest_module
from portable_gcp.endpoints import Endpoint
from portable_gcp.errors import GoogleError, classify
from portable_gcp.rest import Rest

from portable.errors import Unavailable
from tests.gcp_stack.server import Reply, Server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that vouches for itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a service")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def port(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[int]:
    """Of a service over TLS, whose answer is always the same."""
    monkeypatch.setattr(rest_module, "_context", None)
    server = Server(lambda request: Reply(200, {"path": request.path}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_service_that_the_machine_trusts_is_called_and_its_connection_used_again(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    rest = Rest(Endpoint("127.0.0.1", port, True), None)
    assert rest.call("GET", "/v1/a", is_read=True) == {"path": "/v1/a"}
    [kept] = rest._idle
    assert rest.call("GET", "/v1/b", is_read=True) == {"path": "/v1/b"}
    assert rest._idle[0].connection is kept.connection
    rest.close()


def test_services_share_what_is_known_of_certificates(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    rests = [Rest(Endpoint("127.0.0.1", port, True), None) for _ in range(2)]
    for rest in rests:
        rest.call("GET", "/v1/a", is_read=True)
    assert rest_module.secure() is rest_module.secure()
    for rest in rests:
        rest.close()


def test_nothing_is_sent_to_a_service_that_nobody_vouches_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    rest = Rest(Endpoint("127.0.0.1", port, True), None)
    with pytest.raises(GoogleError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        rest.call("POST", "/v1/a", body={}, is_read=False)
    assert (caught.value.in_doubt, classify(caught.value)) == (False, Unavailable)


def test_nothing_is_sent_to_a_service_with_the_name_of_another(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    rest = Rest(Endpoint("localhost", port, True), None)
    with pytest.raises(GoogleError, match="Hostname mismatch"):
        rest.call("POST", "/v1/a", body={}, is_read=False)
