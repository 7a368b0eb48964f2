"""The composition root: settings and an application become a running server.

The only room that sees the whole configuration; every other is handed the
values it needs.
"""

from tidewire.compose.application import App
from tidewire.compose.service import Service, asgi
from tidewire.compose.serving import serve

__all__ = ["App", "Service", "asgi", "serve"]
