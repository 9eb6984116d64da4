"""A real receiver of webhooks on this machine: TLS with a certificate of an authority of its own, answers as told."""

import datetime
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What it got so far, and what it is to answer: statuses one after another, the last one for ever."""

    port: int
    ca_file: str
    statuses: list[int] = field(default_factory=lambda: [200])
    answer: bytes = b"thank you"
    headers: dict[str, str] = field(default_factory=dict)
    # Seconds between the bytes of the answer.
    drip: float = 0
    got: list[Request] = field(default_factory=list)
    hears: threading.Event = field(default_factory=threading.Event)
    # Nothing is answered before this is set.
    may_answer: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/hook?of=ours"

    def next_status(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


def certificates(folder: Path) -> tuple[str, str]:
    """An authority's certificate, and a file with the certificate and key of this machine that it signed."""
    now = datetime.datetime.now(datetime.UTC)
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority for tests")])

    def builder(name: x509.Name, key: Any) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(name).issuer_name(ca_name).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))

    ca = (
        builder(ca_name, authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    names = [x509.DNSName("receiver.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    cert = (
        builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver.example")]), own)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        )
        .sign(authority, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    key = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "own.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM) + key)
    return str(folder / "ca.pem"), str(folder / "own.pem")


@contextmanager
def receiver(folder: Path) -> Iterator[Receiver]:
    """One that listens while the block runs."""
    ca_file, own_file = certificates(folder)
    told = Receiver(port=0, ca_file=ca_file)
    told.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.got.append(Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            told.hears.set()
            told.may_answer.wait(30)
            self.send_response(told.next_status())
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.answer)))
            self.end_headers()
            if not told.drip:
                self.wfile.write(told.answer)
                return
            for byte in told.answer:
                self.wfile.write(bytes([byte]))
                time.sleep(told.drip)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *args: Any) -> None:
            """Callers that end the connection are part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_file)
    # Each connection's own thread shakes hands, so that one that does not cannot keep others waiting.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()
