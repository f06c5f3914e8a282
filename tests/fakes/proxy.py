"""A proxy that logs what it is asked for, and servers with a certificate of an own authority, all on loopback."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PIECE = 65536


@dataclass
class LoggingProxy:
    """Takes CONNECT for any host and leads all of them to one port of this machine; plain requests get `page`."""

    target: tuple[str, int]
    url: str = ""
    page: bytes = b"[]"
    log: list[str] = field(default_factory=list[str])


@contextmanager
def open_proxy(target: tuple[str, int]) -> Generator[LoggingProxy]:
    proxy = LoggingProxy(target)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode().strip()
            proxy.log.append(line)
            while self.rfile.readline().strip():
                pass
            if not line.startswith("CONNECT "):
                head = f"content-length: {len(proxy.page)}\r\nconnection: close\r\n\r\n"
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n" + head.encode())
                self.wfile.write(proxy.page)
                return
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(proxy.target, timeout=10) as far:
                back = threading.Thread(target=_pump, args=(far, self.connection))
                back.start()
                _pump(self.connection, far)
                back.join(10)

    class Server(ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        with _served(server):
            yield proxy


@contextmanager
def open_tls(
    folder: Path, names: list[str], answer: Callable[[str, str], bytes], host: str = "127.0.0.1"
) -> Generator[tuple[str, int]]:
    """A server with TLS whose certificate, for these names, is signed by `folder`/ca.pem."""
    make_authority(folder, names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            body = answer(self.headers["host"], self.path)
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_DELETE = do_GET  # noqa: N815 - the names are the base's

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def finish_request(self, request: Any, client_address: Any) -> None:
            # In the connection's own thread: a client that breaks off holds up nobody.
            with (
                suppress(OSError),
                context.wrap_socket(request, server_side=True) as connection,
            ):
                super().finish_request(connection, client_address)

    with Server((host, 0), Handler) as server, _served(server):
        yield host, server.server_port


def make_authority(folder: Path, names: list[str]) -> None:
    """Writes ca.pem, and server.pem with key and certificate for the names and for this machine."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)

    def begin(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
        )

    authority = (
        begin(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(f"127.0.0.{n}")) for n in (1, 2)]
    server = (
        begin(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), key.public_key())
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    (folder / "server.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + server.public_bytes(pem)
    )


@contextmanager
def _served(server: ThreadingTCPServer | ThreadingHTTPServer) -> Generator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)


def _pump(near: socket.socket, far: socket.socket) -> None:
    with suppress(OSError):
        while data := near.recv(PIECE):
            far.sendall(data)
    with suppress(OSError):
        far.shutdown(socket.SHUT_WR)
