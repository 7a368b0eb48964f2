"""How many connections: per user, per address, unfinished and in all (catalogue 8).

Counting is exact: each ``begin`` that returned ends in one ``abandon`` or one
``admit``, each ``admit`` that returned in one ``leave``. Then every count is zero
again and its key gone.
"""

from __future__ import annotations

import ipaddress

from tidewire.errors import HandshakeRefused

IPV6_PREFIX_BITS = 64
"""A site is handed a /64 at least, and can use any of its 2**64 addresses."""

RETRY_AFTER_S = 5.0
"""Long enough for a stuck handshake to reach its deadline, short enough to be waited for."""


def ip_bucket(ip: str) -> str:
    """The address that is counted: IPv6 by its /64, IPv4 in IPv6 clothes as IPv4."""
    if ":" not in ip:
        return ip
    try:
        address = ipaddress.IPv6Address(ip)
    except ValueError:
        return ip
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    prefix = int(address) >> (128 - IPV6_PREFIX_BITS) << (128 - IPV6_PREFIX_BITS)
    return f"{ipaddress.IPv6Address(prefix)}/{IPV6_PREFIX_BITS}"


class _Counts:
    """How many of each key; a key with none is not kept."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __getitem__(self, key: str) -> int:
        return self._counts.get(key, 0)

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, key: str) -> None:
        self._counts[key] = self[key] + 1

    def remove(self, key: str) -> None:
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]


class ConnectionLimits:
    """Counts connections and refuses the one too many.

    ``ip`` None is exempt from the limits per address: a trusted proxy's own
    address stands for everybody behind it. ``total`` bounds handshakes and
    connections together, because each holds a file descriptor.
    """

    __slots__ = ("_ips", "_per_ip", "_per_user", "_total", "_unfinished", "_unfinished_per_ip",
                 "_users", "open")  # fmt: skip

    def __init__(
        self, *, total: int, per_user: int = 20, per_ip: int = 100, unfinished_per_ip: int = 20
    ) -> None:
        self.set_limits(
            total=total, per_user=per_user, per_ip=per_ip, unfinished_per_ip=unfinished_per_ip
        )
        self._users = _Counts()
        self._ips = _Counts()
        self._unfinished = _Counts()
        self.open = 0

    def set_limits(self, *, total: int, per_user: int, per_ip: int, unfinished_per_ip: int) -> None:
        """Other limits from now on; nobody who is in already is put out."""
        self._total = total
        self._per_user = per_user
        self._per_ip = per_ip
        self._unfinished_per_ip = unfinished_per_ip

    @property
    def total(self) -> int:
        """Handshakes and connections there may be together."""
        return self._total

    @property
    def is_balanced(self) -> bool:
        """Whether nothing is counted: so it is when every connection has ended."""
        return not (self.open or self._users or self._ips or self._unfinished)

    def begin(self, ip: str | None) -> None:
        """A handshake starts. When refused nothing was counted."""
        if ip is not None and self._ips[ip_bucket(ip)] >= self._per_ip:
            raise _refused(429, "too many connections from one address")
        self.knock(ip)

    def knock(self, ip: str | None) -> None:
        """A socket is open and silent; ends as a handshake does. When refused nothing was counted.

        Whoever has all the connections it may have can still ask why it gets no more.
        """
        if self.open >= self._total:
            raise _refused(503, "this server has all the connections it may have")
        if ip is not None:
            self._begin_at(ip_bucket(ip))
        self.open += 1

    def _begin_at(self, bucket: str) -> None:
        if self._unfinished[bucket] >= self._unfinished_per_ip:
            raise _refused(429, "too many unfinished handshakes from one address")
        self._ips.add(bucket)
        self._unfinished.add(bucket)

    def abandon(self, ip: str | None) -> None:
        """A handshake ended without an admission, whatever the reason."""
        if ip is not None:
            self._unfinished.remove(ip_bucket(ip))
        self._end(ip)

    def admit(self, user_id: str, ip: str | None) -> None:
        """A handshake becomes a connection. When refused it is still to be abandoned."""
        if self._users[user_id] >= self._per_user:
            raise _refused(429, "too many connections of one user")
        self._users.add(user_id)
        if ip is not None:
            self._unfinished.remove(ip_bucket(ip))

    def leave(self, user_id: str, ip: str | None) -> None:
        """An admitted connection ended."""
        self._users.remove(user_id)
        self._end(ip)

    def _end(self, ip: str | None) -> None:
        if ip is not None:
            self._ips.remove(ip_bucket(ip))
        self.open -= 1


def _refused(status: int, message: str) -> HandshakeRefused:
    return HandshakeRefused(
        status,
        "too_many_connections",
        message,
        retry_after_s=RETRY_AFTER_S,
        headers=(("retry-after", str(round(RETRY_AFTER_S))),),
    )
