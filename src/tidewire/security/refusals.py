"""The refusals this room raises before the 101, each with its HTTP status."""

from __future__ import annotations

from typing import Literal, TypeAlias

from tidewire.errors import HandshakeRefused

TokenRefusal: TypeAlias = Literal["token_expired", "unauthorized"]

_CHALLENGE = (("www-authenticate", "Bearer"),)  # RFC 9110 section 11.6.1: a 401 carries one


class TokenRefused(HandshakeRefused):
    """A token or ticket does not open the door.

    ``code`` tells the client what to do: after "token_expired" it fetches a new
    one, after "unauthorized" a new one of the same kind would fare no better.
    The message never holds the token, nor a value out of it.
    """

    def __init__(self, message: str, *, code: TokenRefusal = "unauthorized") -> None:
        super().__init__(401, code, message, headers=_CHALLENGE)


def bad_request(message: str) -> HandshakeRefused:
    """The request contradicts itself or breaks its grammar."""
    return HandshakeRefused(400, "malformed", message)
