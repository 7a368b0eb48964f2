"""Tidewire: a real-time server for Python teams.

``App`` is what an application writes against, ``asgi`` makes it something to run.
Each name is imported when it is first used: ``tidewire version`` needs none of
them, and a client only ``Position``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidewire.app import Client, Message, Refused, WorkLimits
    from tidewire.compose import App, asgi
    from tidewire.messages import Position
    from tidewire.security.handshake import Handshake
    from tidewire.security.user import User

__all__ = [
    "App",
    "Client",
    "Handshake",
    "Message",
    "Position",
    "Refused",
    "User",
    "WorkLimits",
    "asgi",
]

_ROOMS = {
    "App": "tidewire.compose",
    "Client": "tidewire.app",
    "Message": "tidewire.app",
    "Refused": "tidewire.app",
    "WorkLimits": "tidewire.app",
    "Handshake": "tidewire.security.handshake",
    "Position": "tidewire.messages",
    "User": "tidewire.security.user",
    "asgi": "tidewire.compose",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_ROOMS[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
