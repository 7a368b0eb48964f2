"""Tidewire: a real-time server for Python teams.

``App`` is what an application writes against, ``asgi`` makes it something to run.
"""

from tidewire.app import App
from tidewire.compose import asgi
from tidewire.messages import Position
from tidewire.security.handshake import Handshake
from tidewire.security.user import User

__all__ = ["App", "Handshake", "Position", "User", "asgi"]
