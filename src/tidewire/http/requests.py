"""A request as the front door reads one."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.requests import Request as HttpRequest

from tidewire.security.proxies import Scheme
from tidewire.server.door import Request


def door_request(request: HttpRequest) -> Request:
    scope = request.scope
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    scheme: Scheme = "https" if scope["scheme"] == "https" else "http"
    return Request(
        method=scope["method"],
        http_version=scope["http_version"],
        target=raw_path.decode("latin-1"),
        path=unquote(raw_path.decode("latin-1")),
        query=scope["query_string"],
        headers=scope["headers"],
        peer_ip=scope["client"][0] if scope["client"] else "",
        scheme=scheme,
    )
