"""A server process that speaks TLS itself, and clients that trust its certificate."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from tests.support.processes import ServerProcess
from tests.support.wire import PATH, RawConnection, Response, request
from tidewire.config import Tls


@dataclass
class TlsProcess(ServerProcess):
    """``tidewire serve`` with the certificate at ``tls``; its clients believe any."""

    tls: Tls = field(default_factory=Tls)

    def __post_init__(self) -> None:
        self.flags += ("--tls-cert", str(self.tls.cert), "--tls-key", str(self.tls.key))

    def connect(
        self,
        *,
        source: str = "127.0.0.1",
        receive_buffer_bytes: int | None = None,
        version: ssl.TLSVersion | None = None,
    ) -> RawConnection:
        connection = RawConnection(self.port, source, receive_buffer_bytes)
        try:
            connection.socket = _context(version).wrap_socket(connection.socket)
        except BaseException:
            connection.socket.close()
            raise
        return connection

    def join(
        self,
        *extra: tuple[str, str],
        path: str = PATH,
        source: str = "127.0.0.1",
        receive_buffer_bytes: int | None = None,
    ) -> RawConnection:
        connection = self.connect(source=source, receive_buffer_bytes=receive_buffer_bytes)
        assert connection.handshake(*extra, path=path).status == 101
        connection.connected = connection.expect("connected")
        return connection

    def get(self, path: str, *extra: tuple[str, str]) -> Response:
        headers = [("Host", f"127.0.0.1:{self.port}"), ("Connection", "close"), *extra]
        with self.connect() as connection:
            return connection.ask(request(headers, line=f"GET {path} HTTP/1.1"))


def certificate_of(connection: RawConnection) -> bytes:
    """What the server showed this client, as DER."""
    assert isinstance(connection.socket, ssl.SSLSocket)
    shown = connection.socket.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def _context(version: ssl.TLSVersion | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")  # or the client itself would refuse the old ones
        context.minimum_version = context.maximum_version = version
    return context
