"""The demo's pages: static files with the headers that keep them harmless.

Everything comes from this package: no other host is asked for anything.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(__file__).parent / "static"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",  # CSP 3: covers ws and wss to the same host and port
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asked again each time, answered 304: an update is seen at once
}


def create_pages() -> ASGIApp:
    """The page at ``/`` and its parts under ``/static``."""
    routes = [
        Route("/", _index),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return WithHeaders(Starlette(routes=routes))


async def _index(_: Request) -> FileResponse:
    return FileResponse(STATIC / "index.html")


class WithHeaders:
    """Adds ``HEADERS`` to every response of ``app``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _add_headers(start: MutableMapping[str, object]) -> None:
    headers = MutableHeaders(raw=start["headers"])  # type: ignore[arg-type]
    for name, value in HEADERS.items():
        headers[name] = value
