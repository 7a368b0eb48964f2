"""``/client.js``: the browser client, for pages that take it from the server they talk to.

One minified module, built from ``clients/typescript`` and shipped as it is; no page needs
a bundler, and none another host.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

PATH = "/client.js"

HEADERS = {
    "cache-control": "no-cache",  # asked again each time, answered 304: never older than the server
    "access-control-allow-origin": "*",  # modules are fetched with CORS, and pages live elsewhere
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
}


def client_script_routes() -> list[BaseRoute]:
    return [Route(PATH, answer_script, methods=["GET"])]


async def answer_script(request: Request) -> Response:
    script, etag = _script()
    headers = {**HEADERS, "etag": etag}
    if etag in _etags(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(script, media_type="text/javascript", headers=headers)


@cache  # read when it is first asked for: it does not change while the server runs
def _script() -> tuple[bytes, str]:
    script = (files("tidewire.http") / "client.js").read_bytes()
    return script, f'"{hashlib.sha256(script).hexdigest()[:16]}"'


def _etags(field: str) -> set[str]:
    """Compared weakly (RFC 9110 section 13.1.2): a proxy that compresses marks ours as weak."""
    return {each.strip().removeprefix("W/") for each in field.split(",")}
