"""A client on a plain blocking socket, for tests that must choose every byte.

Uses nothing of ``tidewire``: bytes go out as the test wrote them, and what
comes back is read by ``rawframes``. Nothing is answered or sent on its own
account but pongs, and those only while the test reads.
"""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, TypeAlias

from tests.support import rawframes
from tests.support.rawframes import CLOSE, PING, PONG, TEXT, Frame, frame, take_frame

Headers: TypeAlias = Sequence[tuple[str, str]]

DEADLINE_S = 60.0
"""For one read or write. Far more than a busy machine needs: reaching it means nothing comes."""

PAUSE_S = 0.02
"""Between two bytes of a sender that dawdles: short, so that a test stays short."""

PATH = "/ws"


class ConnectionEnded(AssertionError):
    """The server ended the connection where the test expected more."""


class Closed(NamedTuple):
    """The server's Close frame."""

    code: int
    reason: str


@dataclass(frozen=True)
class Response:
    """The head of an HTTP response, and its body where it has one."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The one value of ``name``, or None."""
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) < 2, f"{name} is there twice: {values}"
        return values[0] if values else None


def new_key() -> str:
    """A Sec-WebSocket-Key: sixteen random bytes (RFC 6455 section 4.1)."""
    return base64.b64encode(os.urandom(16)).decode()


def upgrade_headers(port: int, *extra: tuple[str, str]) -> list[tuple[str, str]]:
    """The headers every valid upgrade has, and then ``extra``."""
    return [
        ("Host", f"127.0.0.1:{port}"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", new_key()),
        ("Sec-WebSocket-Version", "13"),
        *extra,
    ]


def without(headers: Headers, *names: str) -> list[tuple[str, str]]:
    """``headers`` less those called ``names``, in any case."""
    lowered = {name.lower() for name in names}
    return [(name, value) for name, value in headers if name.lower() not in lowered]


def replaced(headers: Headers, name: str, *values: str) -> list[tuple[str, str]]:
    """``headers`` with ``name`` given once for each of ``values``, and not otherwise."""
    return [*without(headers, name), *((name, value) for value in values)]


def request(headers: Headers, *, line: str = f"GET {PATH} HTTP/1.1") -> bytes:
    """A request head, as it is written: nothing is added, checked or put right."""
    lines = [line, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


@dataclass
class RawConnection:
    """One TCP connection to a server on loopback. Closing it sends FIN, ``reset`` sends RST."""

    port: int
    source: str = "127.0.0.1"
    """Our address. All of 127.0.0.0/8 is this machine, so a test may have many."""
    receive_buffer_bytes: int | None = None
    answers_pings: bool = True
    connected: dict[str, Any] = field(default_factory=dict, init=False)
    _buffer: bytearray = field(default_factory=bytearray, init=False)
    _seen: list[object] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(DEADLINE_S)
        if self.receive_buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer_bytes)
        try:
            self.socket.bind((self.source, 0))
            self.socket.connect(("127.0.0.1", self.port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    # -- out -----------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_json(self, message: dict[str, Any]) -> None:
        self.send(rawframes.text(json.dumps(message)))

    def trickle(self, data: Iterable[bytes], *, pause_s: float = PAUSE_S) -> int:
        """Send piece by piece, with a pause after each, until the server answers or ends.

        Returns how many pieces went out before that.
        """
        sent = 0
        with suppress(ConnectionError):
            for piece in data:
                self.socket.sendall(piece)
                sent += 1
                if self.has_input(within_s=pause_s):
                    break
        return sent

    def push(self, data: bytes, *, times: int = 1, patience_s: float = 2.0) -> int:
        """Send ``data`` again and again without reading, until the server lets no more through.

        It stops when nothing moves for ``patience_s`` or the connection ends.
        Returns how many times ``data`` went out whole.
        """
        done = 0
        self.socket.settimeout(patience_s)
        with suppress(OSError):
            while done < times:
                self.socket.sendall(data)
                done += 1
        self.socket.settimeout(DEADLINE_S)
        return done

    def has_input(self, *, within_s: float = 0.0) -> bool:
        """Whether bytes, or the end, of the connection can be read now or soon."""
        return bool(self._buffer) or bool(select.select([self.socket], [], [], within_s)[0])

    def finish(self) -> None:
        """Send FIN and go on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # -- HTTP ----------------------------------------------------------------------------------

    def handshake(self, *extra: tuple[str, str], path: str = PATH) -> Response:
        """A valid upgrade with ``extra`` headers; its answer, whatever it is."""
        return self.ask(request(upgrade_headers(self.port, *extra), line=f"GET {path} HTTP/1.1"))

    def ask(self, head: bytes) -> Response:
        self.send(head)
        return self.read_response()

    def read_response(self) -> Response:
        """The next response: its head, and as much body as it announces."""
        while b"\r\n\r\n" not in self._buffer:
            self._read_more("a response")
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer[:] = rest
        response = _parse_head(head)
        size = int(response.header("content-length") or 0)
        while len(self._buffer) < size:
            self._read_more("a body")
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return Response(response.status, response.headers, body)

    # -- frames --------------------------------------------------------------------------------

    def read_frame(self) -> Frame:
        while (found := take_frame(self._buffer)) is None:
            self._read_more("a frame")
        self._seen.append(found.payload[:200])
        return found

    def receive(self) -> dict[str, Any]:
        """The next message: the JSON of one text frame. Pings are answered on the way."""
        while True:
            found = self.read_frame()
            if found.opcode == TEXT:
                message: dict[str, Any] = json.loads(found.payload)
                return message
            if found.opcode == CLOSE:
                raise ConnectionEnded(f"closed: {_closed(found)}; before that {self._seen[-6:]}")
            if found.opcode == PING and self.answers_pings:
                self.send(frame(PONG, found.payload))

    def expect(self, type_: str, **fields: object) -> dict[str, Any]:
        """The next message of ``type_`` with these fields; others on the way are passed over."""
        while True:
            message = self.receive()
            if message["type"] == type_ and fields.items() <= message.items():
                return message

    def ask_json(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a command and return the answer that carries its ``id``, made up if need be."""
        command = {"id": base64.b32encode(os.urandom(10)).decode(), **message}
        self.send_json(command)
        while (answer := self.receive()).get("id") != command["id"]:
            pass
        return answer

    def close_code(self) -> Closed:
        """Read up to the server's Close frame."""
        while (found := self.read_frame()).opcode != CLOSE:
            pass
        return _closed(found)

    def frames_until_end(self) -> list[Frame]:
        """Every frame until the server ends the connection, by FIN or RST."""
        found: list[Frame] = []
        with suppress(ConnectionEnded, ConnectionError):
            while True:
                found.append(self.read_frame())
        return found

    def read_until_end(self) -> bytes:
        """Every byte until the server ends the connection, by FIN or RST."""
        with suppress(ConnectionEnded, ConnectionError):
            while True:
                self._read_more("the end")
        return bytes(self._buffer)

    def _read_more(self, what: str) -> None:
        try:
            data = self.socket.recv(65_536)
        except TimeoutError as error:
            raise AssertionError(f"waited in vain for {what}; seen {self._seen[-6:]}") from error
        if not data:
            raise ConnectionEnded(f"ended before {what} came; seen {self._seen[-6:]}")
        self._buffer += data


def _parse_head(head: bytes) -> Response:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    return Response(int(first.split()[1]), headers)


def _closed(found: Frame) -> Closed:
    assert len(found.payload) >= 2, "every close of ours carries its code"
    return Closed(int.from_bytes(found.payload[:2]), found.payload[2:].decode())


def join(
    port: int,
    *extra: tuple[str, str],
    path: str = PATH,
    source: str = "127.0.0.1",
    receive_buffer_bytes: int | None = None,
) -> RawConnection:
    """An open WebSocket whose greeting has been read into ``connected``."""
    with ExitStack() as on_failure:
        connection = on_failure.enter_context(RawConnection(port, source, receive_buffer_bytes))
        response = connection.handshake(*extra, path=path)
        assert response.status == 101, response
        connection.connected = connection.expect("connected")
        on_failure.pop_all()
        return connection


@contextmanager
def crowd(connections: Iterable[RawConnection]) -> Iterator[list[RawConnection]]:
    """Many connections, made one after the other; whatever happens, all are closed."""
    with ExitStack() as stack:
        yield [stack.enter_context(connection) for connection in connections]
