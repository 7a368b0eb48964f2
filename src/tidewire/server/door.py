"""The front door: from a parsed upgrade request to a running connection.

Asynchronous checks come first (``admit``), then one synchronous step hands the
transport over, so that nothing can happen between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from tidewire.counters import Counters
from tidewire.errors import HandshakeRefused
from tidewire.security.admission import ConnectionLimits, ip_bucket
from tidewire.security.credentials import choose_subprotocol
from tidewire.security.handshake import Handshake, read_handshake
from tidewire.security.ids import new_client_id
from tidewire.security.proxies import ClientAddress, Scheme, TrustedProxies
from tidewire.security.rates import KeyedRates, Rate
from tidewire.security.user import User
from tidewire.server.admission import Admission, refusal_of
from tidewire.server.connection import Connection
from tidewire.server.drain import DrainSentinel
from tidewire.server.logs import write_line
from tidewire.server.shared import Client, Shared
from tidewire.server.wires import PlainWire, Wires
from tidewire.session import Session
from tidewire.websocket import close_codes
from tidewire.websocket.deflate import Agreement, Inflater, negotiate
from tidewire.websocket.handshake import Upgrade, read_upgrade, switching_protocols
from tidewire.websocket.receiver import ReceiveLimits, Receiver, Role

if TYPE_CHECKING:
    from tidewire.server.streamdoor import StreamDoor

logger = logging.getLogger("tidewire.door")


TICKETS_PER_USER = Rate(1.0, 20)
"""One for each connection a user may have, at once; then as fast as a page can be reloaded."""

TICKETS_PER_IP = Rate(10.0, 100)
"""One for each connection an address may have, at once: an office that comes back from lunch."""

MAX_RATED = 100_000
"""Addresses, and users, whose rate is remembered at a time; some 20 MiB when full."""


VIOLATIONS = frozenset(
    code.number
    for code in (
        close_codes.PROTOCOL_ERROR,
        close_codes.UNSUPPORTED_DATA,
        close_codes.INVALID_DATA,
        close_codes.POLICY_VIOLATION,
        close_codes.TOO_LARGE,
        close_codes.TOO_MANY_MESSAGES,
    )
)
"""Ends that an operator may want to look into."""

ORDINARY = dict.fromkeys((1000, 1001, 1005, 1012), logging.DEBUG)
"""Ends that say nothing new: a line costs 30 us, and half of all lines would be these."""


class HeadLimits(Struct, frozen=True):
    """What a request head may cost; the numbers' reasons are in ``config.settings``."""

    bytes: int = 16 * 1024
    headers: int = 64
    deadline_s: float = 5.0


class Request(Struct, frozen=True):
    """An upgrade request as it came off the wire."""

    method: str
    http_version: str
    target: str
    path: str
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    peer_ip: str
    scheme: Scheme


class Admitted(Struct):
    """Everything decided before the 101."""

    user: User
    client_ip: str
    limited_ip: str | None
    wire: PlainWire
    agreement: Agreement | None
    head: bytes


class FrontDoor:
    """Admits clients, and starts their connections."""

    def __init__(
        self,
        *,
        admission: Admission,
        connections: ConnectionLimits,
        proxies: TrustedProxies,
        paths: Sequence[str],
        head_limits: HeadLimits,
        receive_limits: ReceiveLimits,
        wires: Wires,
        shared: Shared,
        sentinel: DrainSentinel,
        ticket_ttl_s: float,
    ) -> None:
        self.head_limits = head_limits
        self.sentinel = sentinel
        self.paths = frozenset(paths)
        self.is_draining = False
        self.streams: StreamDoor | None = None  # made after this door, whose checks it asks for
        self._admission = admission
        self._connections = connections
        self._proxies = proxies
        self._receive_limits = receive_limits
        self.wires = wires
        self._shared = shared
        self._ticket_ttl_s = ticket_ttl_s
        self._ticket_rate_of_ip = KeyedRates[str](TICKETS_PER_IP, MAX_RATED)
        self._ticket_rate_of_user = KeyedRates[str](TICKETS_PER_USER, MAX_RATED)

    @property
    def counters(self) -> Counters:
        return self._shared.counters

    def set_limits(self, head: HeadLimits, receive: ReceiveLimits) -> None:
        """Other limits for those who come from now on."""
        self.head_limits = head
        self._receive_limits = receive

    # -- counting sockets that have not shown themselves yet -------------------------------------

    def knock(self, peer_ip: str) -> str | None:
        """A socket is open and silent so far; answers what ``give_up`` wants."""
        limited_ip = self._proxies.client_address(peer_ip, ()).limited_ip
        self._connections.knock(limited_ip)
        return limited_ip

    def give_up(self, limited_ip: str | None) -> None:
        """It has turned out to be plain HTTP, or has gone away."""
        self._connections.abandon(limited_ip)

    # -- checks --------------------------------------------------------------------------------

    async def admit(self, request: Request) -> Admitted:
        """Everything that must be true before the 101. Raises ``HandshakeRefused``.

        The caller owes ``release`` once this has returned, or the connection's end.
        Cancellation leaves nothing counted.
        """
        upgrade, handshake, address = self._read_upgrade(request)
        user = await self.enter(handshake, address)
        return self._admitted(upgrade, user, address)

    def admit_at_once(self, request: Request) -> Admitted | None:
        """As ``admit``, or None where that has to wait for something; then nothing has happened.

        Guests and tokens are known at once: to stop reading, and to wait for a task,
        made a connect a tenth dearer.
        """
        if self._admission.always_waits:
            return None
        upgrade, handshake, address = self._read_upgrade(request)
        user = self._enter_at_once(handshake, address.limited_ip)
        return None if user is None else self._admitted(upgrade, user, address)

    def _read_upgrade(self, request: Request) -> tuple[Upgrade, Handshake, ClientAddress]:
        upgrade = read_upgrade(
            request.method, request.http_version, request.headers, request.target
        )
        self.check_open(request.path)
        return upgrade, *self.read(request)

    async def enter(self, handshake: Handshake, address: ClientAddress) -> User:
        """Whose handshake this is, counted as a connection. Raises ``HandshakeRefused``.

        The caller owes ``leave`` once this has returned. Cancellation leaves nothing
        counted.
        """
        limited_ip = address.limited_ip
        self._connections.begin(limited_ip)
        try:
            user = await self._admission.identify(handshake)
            self._connections.admit(user.id, limited_ip)
        except BaseException as error:
            raise self._turned_away(limited_ip, error) from None
        return user

    def _enter_at_once(self, handshake: Handshake, limited_ip: str | None) -> User | None:
        self._connections.begin(limited_ip)
        try:
            user = self._admission.recognize(handshake)
            if user is not None:
                self._connections.admit(user.id, limited_ip)
        except BaseException as error:
            raise self._turned_away(limited_ip, error) from None
        if user is None:
            self._connections.abandon(limited_ip)
        return user

    def _turned_away(self, limited_ip: str | None, error: BaseException) -> BaseException:
        """Count the handshake no more; what to raise for ``error``."""
        self._connections.abandon(limited_ip)
        if isinstance(error, HandshakeRefused) or not isinstance(error, Exception):
            return error
        logger.exception("a check before the upgrade failed")
        return refusal_of(error)

    async def identify(self, handshake: Handshake) -> User:
        """Whose handshake this is, for a request that is no connection. As ``enter``."""
        try:
            return await self._admission.identify(handshake)
        except Exception as error:
            if not isinstance(error, HandshakeRefused):
                logger.exception("a check failed")
            raise refusal_of(error) from None

    def check_in_force(self, user: User) -> None:
        """Raise ``HandshakeRefused`` where what ``user`` once showed holds no longer."""
        self._admission.in_force(user)

    def leave(self, user: User, limited_ip: str | None) -> None:
        """What ``enter`` counted has ended, or never began."""
        self._connections.leave(user.id, limited_ip)

    async def explain(self, request: Request) -> HandshakeRefused:
        """Why an upgrade of this URL would be refused; or that it would not be (426).

        Looks only: spends no ticket and counts no connection.
        """
        try:
            self.check_open(request.path)
            handshake, address = self.read(request)
            await self._admission.identify(handshake, use_ticket=False)
            self._connections.begin(address.limited_ip)
            self._connections.abandon(address.limited_ip)
        except Exception as error:
            if not isinstance(error, HandshakeRefused):
                logger.exception("a check failed")
            return refusal_of(error)
        return HandshakeRefused(
            426, "upgrade_required", "this is a WebSocket", headers=(("upgrade", "websocket"),)
        )

    async def issue_ticket(self, request: Request) -> tuple[str, float]:
        """A ticket for whoever sends ``request``, and its life in seconds.

        Raises ``HandshakeRefused``.
        """
        handshake, address = self.read(request)
        # First by address: whoever guesses at tokens here is slowed down as well.
        if address.limited_ip is not None:
            self._take_ticket(self._ticket_rate_of_ip, ip_bucket(address.limited_ip))
        user = await self._admission.identify(handshake, use_ticket=False)
        self._take_ticket(self._ticket_rate_of_user, user.id)
        return self._admission.issue_ticket(user, handshake.origin), self._ticket_ttl_s

    def _take_ticket(self, rates: KeyedRates[str], key: str) -> None:
        wait_s = rates.take(key, self._shared.clock.monotonic())
        if wait_s:
            raise HandshakeRefused(
                429, "rate_limited", "too many tickets", retry_after_s=round(wait_s, 3)
            )

    def check_running(self) -> None:
        if self.is_draining:
            raise HandshakeRefused(503, "draining", "the server is stopping", retry_after_s=1)

    def check_open(self, path: str) -> None:
        """Raises ``HandshakeRefused`` where no WebSocket is to be had."""
        self.check_running()
        if path not in self.paths:
            raise HandshakeRefused(404, "not_found", "no WebSocket at this path")

    def read(self, request: Request) -> tuple[Handshake, ClientAddress]:
        """What may be judged of ``request``, and where it is from. Raises ``HandshakeRefused``."""
        address = self._proxies.client_address(
            request.peer_ip,
            [value.decode("latin-1") for name, value in request.headers
             if name == b"x-forwarded-for"],
            _last(request.headers, b"x-forwarded-proto"),
        )  # fmt: skip
        handshake = read_handshake(
            request.path,
            request.query,
            request.headers,
            client_ip=address.ip,
            scheme=address.scheme or request.scheme,
        )
        return handshake, address

    def _admitted(self, upgrade: Upgrade, user: User, address: ClientAddress) -> Admitted:
        agreement = negotiate(upgrade.extensions) if self.wires.can_deflate else None
        subprotocol = choose_subprotocol(upgrade.subprotocols)
        wire = self.wires.choose(subprotocol, agreement)
        extension = None if agreement is None else agreement.header()
        head = switching_protocols(upgrade, subprotocol, extension)
        return Admitted(user, address.ip, address.limited_ip, wire, agreement, head)

    def release(self, admitted: Admitted) -> None:
        """An admitted connection has ended, or never began."""
        self.leave(admitted.user, admitted.limited_ip)

    # -- hand-over -----------------------------------------------------------------------------

    def open(self, admitted: Admitted, transport: asyncio.Transport, early: bytes) -> None:
        """Make ``transport`` a WebSocket; ``early`` bytes came behind the request's head."""
        inflater = None if admitted.agreement is None else Inflater()
        limits = self._shared.limits
        connection = Connection(
            self._shared,
            Session(new_client_id(), admitted.user, limits.session),
            admitted.wire,
            Receiver(Role.SERVER, self._receive_limits, inflater),
            admitted.limited_ip,
        )
        if logger.isEnabledFor(logging.INFO):
            facts = {**_whose(connection), "ip": admitted.client_ip}
            write_line(logger, logging.INFO, "connected", facts)
        connection.start(transport, admitted.head, early)

    def ended(self, connection: Client) -> None:
        """An open connection is gone: count it no more, and say how it went."""
        self.leave(connection.session.user, connection.limited_ip)
        code = connection.close_code
        level = logging.WARNING if code in VIOLATIONS else ORDINARY.get(code, logging.INFO)
        if logger.isEnabledFor(level):
            lasted_s = self._shared.clock.monotonic() - connection.opened_at
            facts = {
                "code": code,
                "reason": connection.close_reason,
                "lasted_s": round(lasted_s, 3),
            }
            write_line(logger, level, "disconnected", _whose(connection) | facts)

    def refused(self, refusal: HandshakeRefused, peer_ip: str, path: str | None) -> None:
        """Count a refusal and log it; never with a header's value. ``path`` None: none was read."""
        self.counters.refusals[refusal.code] += 1
        logger.warning(
            "refused",
            extra={
                "status": refusal.status,
                "code": refusal.code,
                "reason": str(refusal),
                "path": path,
                "peer": peer_ip,
            },
        )


def _whose(connection: Client) -> dict[str, object]:
    session = connection.session
    return {"user": session.user.id, "client": session.client_id}


def _last(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str | None:
    values = [value.decode("latin-1") for key, value in headers if key == name]
    return values[-1] if values else None
