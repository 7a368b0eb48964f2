"""The HTTP API for backends: its vocabulary, and the Python client that speaks it.

    from tidewire.api import Api

    with Api("http://127.0.0.1:8080", key) as api:
        api.publish("orders:17", {"status": "shipped"}, once="order-17-shipped")

What a server does with a call is ``tidewire.http``'s. Knows messages and errors and
nothing of a server, so that a backend imports only this; httpx is loaded with the
first use of a client.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidewire.api.blocking import Api
    from tidewire.api.client import AsyncApi
    from tidewire.api.errors import ApiError, ApiUnavailable

__all__ = ["Api", "ApiError", "ApiUnavailable", "AsyncApi"]

_ROOMS = {
    "Api": "tidewire.api.blocking",
    "ApiError": "tidewire.api.errors",
    "ApiUnavailable": "tidewire.api.errors",
    "AsyncApi": "tidewire.api.client",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_ROOMS[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
