"""Values a plain TOML type does not express: secrets that do not print, networks, key files.

No file is opened here.
"""

from __future__ import annotations

import ipaddress
from typing import Any

HIDDEN = "(hidden)"


class Secret:
    """A secret that shows itself only when asked to, so that no log or traceback holds it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> bytes:
        return self._text.encode()

    def __repr__(self) -> str:
        return f"Secret{HIDDEN}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class Network:
    """An IP network in CIDR notation; a single address is a network of one."""

    __slots__ = ("addresses",)

    def __init__(self, text: str) -> None:
        if text == "*":
            raise ValueError(
                'expected the networks of your proxies, because "*" lets every client choose its'
                " own address (0.0.0.0/0 says the same if you mean it)"
            )
        try:
            self.addresses = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f'expected a network such as 10.0.0.0/8, got "{text}"') from None

    def __str__(self) -> str:
        return str(self.addresses)

    def __repr__(self) -> str:
        return f"Network({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.addresses == other.addresses

    def __hash__(self) -> int:
        return hash(self.addresses)


def from_plain(kind: type, value: object) -> Any:
    """msgspec's ``dec_hook``: a TOML or environment value as one of this module's types."""
    if kind not in (Secret, Network):
        raise NotImplementedError(kind)
    if not isinstance(value, str):
        raise ValueError(f"expected text in the list, not {type(value).__name__}")
    return kind(value)


def to_plain(value: object) -> object:
    """msgspec's ``enc_hook``; a secret stays hidden."""
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, Network):
        return str(value)
    raise NotImplementedError(type(value))


def schema_of(kind: type) -> dict[str, Any]:
    """msgspec's ``schema_hook``."""
    if kind is Secret:
        return {"type": "string", "writeOnly": True}
    if kind is Network:
        return {"type": "string", "format": "ip-network"}
    raise NotImplementedError(kind)
