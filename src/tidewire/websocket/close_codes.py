"""The one table of close codes: what each says, and what the client should do then.

Whatever closes a connection, anywhere, takes an entry of this table. Codes up to
1015 are RFC 6455 section 7.4.1 and its registry; 4000 to 4999 are ours.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct


class ComeBack(Enum):
    """What a client does once it has been closed."""

    NOW = "now"
    """Reconnect at once and recover; back off only if that fails."""
    WITHIN_WINDOW = "within a window"
    """Reconnect at a random moment within a window, so that a crowd does not come as one."""
    WITH_NEW_TOKEN = "with a new token"  # noqa: S105 - advice, not a secret
    """Fetch a new token first: the one in hand will be refused again."""
    NEVER = "never"
    """Stop: the same client doing the same thing would be closed again."""


class CloseCode(Struct, frozen=True, gc=False):
    """One way to close: ``reason`` is sent with ``number`` unless a closer one is known."""

    number: int
    name: str
    reason: str
    come_back: ComeBack


NORMAL = CloseCode(1000, "normal", "closed", ComeBack.NEVER)
GOING_AWAY = CloseCode(1001, "going away", "going away", ComeBack.WITHIN_WINDOW)
PROTOCOL_ERROR = CloseCode(1002, "protocol error", "protocol error", ComeBack.NEVER)
UNSUPPORTED_DATA = CloseCode(
    1003, "unsupported data", "this kind of message is not accepted", ComeBack.NEVER
)
INVALID_DATA = CloseCode(1007, "invalid data", "text is not UTF-8", ComeBack.NEVER)
POLICY_VIOLATION = CloseCode(1008, "policy violation", "a rule was broken", ComeBack.NEVER)
TOO_LARGE = CloseCode(1009, "too large", "message too large", ComeBack.NEVER)
INTERNAL_ERROR = CloseCode(1011, "internal error", "something failed here", ComeBack.WITHIN_WINDOW)
DRAINING = CloseCode(1012, "draining", "server restarts", ComeBack.WITHIN_WINDOW)
TRY_AGAIN_LATER = CloseCode(1013, "try again later", "server is full", ComeBack.WITHIN_WINDOW)
TOKEN_EXPIRED = CloseCode(
    4001, "token expired", "token expired or revoked", ComeBack.WITH_NEW_TOKEN
)
FORBIDDEN = CloseCode(4003, "forbidden", "forbidden", ComeBack.NEVER)
SLOW_READER = CloseCode(
    4008, "slow reader", "reading too slowly: come back and recover", ComeBack.NOW
)
HEARTBEAT_MISSED = CloseCode(4009, "heartbeat missed", "no answer to a ping", ComeBack.NOW)
TOO_MANY_MESSAGES = CloseCode(
    4029, "too many messages", "too many messages", ComeBack.WITHIN_WINDOW
)

TABLE: dict[int, CloseCode] = {
    code.number: code
    for code in (
        NORMAL,
        GOING_AWAY,
        PROTOCOL_ERROR,
        UNSUPPORTED_DATA,
        INVALID_DATA,
        POLICY_VIOLATION,
        TOO_LARGE,
        INTERNAL_ERROR,
        DRAINING,
        TRY_AGAIN_LATER,
        TOKEN_EXPIRED,
        FORBIDDEN,
        SLOW_READER,
        HEARTBEAT_MISSED,
        TOO_MANY_MESSAGES,
    )
}

_REGISTERED = frozenset((*range(1000, 1004), *range(1007, 1015)))
"""What a peer may send below 3000: not 1004, and 1005, 1006, 1015 are never on the wire."""


def is_sendable(number: int) -> bool:
    """Whether ``number`` may appear in a Close frame (RFC 6455 section 7.4.2)."""
    return number in _REGISTERED or 3000 <= number <= 4999


def advice(number: int | None) -> ComeBack:
    """What a client does after a close with ``number``.

    None (no Close frame came: the network failed, which browsers call 1006) and
    codes of other people's are worth another try, but not all at once.
    """
    code = None if number is None else TABLE.get(number)
    return ComeBack.WITHIN_WINDOW if code is None else code.come_back
