"""The application's AsyncAPI document, and a page of it to read."""

from __future__ import annotations

import json
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tidewire.app.asyncapi import asyncapi
from tidewire.app.asyncapi_page import asyncapi_page
from tidewire.app.registry import Registry

JSON_PATH = "/asyncapi.json"
PAGE_PATH = "/asyncapi"

TITLE = "What this server says and hears"

PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "x-content-type-options": "nosniff",
}
"""The page runs nothing and loads nothing; its style stands in it."""


def asyncapi_routes(registry: Registry) -> list[BaseRoute]:
    """None for an application that declares nothing: those paths are then its own to use."""
    if not (registry.messages or registry.sent or registry.calls or registry.channels):
        return []

    @cache  # made when it is first asked for: what is declared does not change
    def document() -> str:
        return json.dumps(asyncapi(registry, title=TITLE))

    async def answer_json(_: Request) -> Response:
        return Response(document(), media_type="application/json")

    async def answer_page(_: Request) -> Response:
        page = asyncapi_page(json.loads(document()), json_path=JSON_PATH.removeprefix("/"))
        return Response(page, media_type="text/html", headers=PAGE_HEADERS)

    return [
        Route(JSON_PATH, answer_json, methods=["GET"]),
        Route(PAGE_PATH, answer_page, methods=["GET"]),
    ]
