"""Clients over plain HTTP: ``GET /poll`` and ``POST /publish``, and what ``/sse`` says to anything
but a ``GET``, which never comes this far."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tidewire.errors import HandshakeRefused
from tidewire.http.requests import door_request
from tidewire.server.crossorigin import CrossOrigin
from tidewire.server.door import FrontDoor
from tidewire.server.polldesk import PollDesk
from tidewire.server.publishdesk import PublishDesk
from tidewire.server.refusals import explanation, response_headers
from tidewire.server.streamdoor import HEADERS

BODY_S = 10.0
"""For the whole body, however it comes: 64 KiB at the speed of a bad phone line."""

Handler: TypeAlias = Callable[[HttpRequest], Awaitable[Response]]


class Desks(Struct, frozen=True):
    """Who answers what."""

    door: FrontDoor
    polls: PollDesk
    publications: PublishDesk
    cross_origin: CrossOrigin


class VisitorRoutes:
    """The routes of clients without a WebSocket. What is off is not ours to answer."""

    def __init__(
        self, desks: Desks, *, stream_path: str | None, has_poll: bool, has_publish: bool
    ) -> None:
        self._desks = desks
        self._stream_path = stream_path
        self._has_poll = has_poll
        self._has_publish = has_publish

    def routes(self) -> list[BaseRoute]:
        routes: list[BaseRoute] = []
        if self._has_poll:
            routes += self._routes("/poll", "GET", self._poll)
        if self._has_publish:
            routes += self._routes("/publish", "POST", self._publish)
        if self._stream_path is not None:
            routes += self._routes(self._stream_path, "HEAD", self._stream_head)
        return routes

    def _routes(self, path: str, method: str, handler: Handler) -> list[BaseRoute]:
        """A browser asks with OPTIONS before it sends what a form could not."""

        async def endpoint(request: HttpRequest) -> Response:
            try:
                return await self._answer(request, handler, method)
            except HandshakeRefused as refusal:
                return self._refusal(request, refusal)

        return [Route(path, endpoint, methods=[method, "OPTIONS"])]

    async def _answer(self, request: HttpRequest, handler: Handler, method: str) -> Response:
        handshake, _ = self._desks.door.read(door_request(request))
        if request.method == "OPTIONS":
            allowed = self._desks.cross_origin.preflight(handshake, f"GET, {method}")
            return Response(status_code=204, headers=dict(allowed))
        response = await handler(request)
        response.headers.update(dict(self._desks.cross_origin.headers(handshake)))
        return response

    # -- handlers ------------------------------------------------------------------------------

    async def _poll(self, request: HttpRequest) -> Response:
        polling = asyncio.ensure_future(self._desks.polls.answer(door_request(request)))
        gone = asyncio.ensure_future(_until_gone(request))
        try:
            await asyncio.wait((polling, gone), return_when=asyncio.FIRST_COMPLETED)
            if not polling.done():  # whoever hangs up wants no answer, and holds nothing
                return Response(status_code=204)
            answer = polling.result()
        finally:
            polling.cancel()
            gone.cancel()
        headers = {"etag": answer.etag, "cache-control": answer.cache_control}
        if not answer.body:
            return Response(status_code=304, headers=headers)
        return Response(answer.body, media_type="application/json", headers=headers)

    async def _publish(self, request: HttpRequest) -> Response:
        desk = self._desks.publications
        author = await desk.admit(door_request(request))
        status, body = await desk.publish(author, await _body(request, desk.max_bytes))
        headers = {"cache-control": "no-store"}
        return Response(body, status_code=status, media_type="application/json", headers=headers)

    async def _stream_head(self, request: HttpRequest) -> Response:
        await self._desks.door.identify(self._desks.door.read(door_request(request))[0])
        return Response(headers=dict(HEADERS))

    def _refusal(self, request: HttpRequest, refusal: HandshakeRefused) -> Response:
        """Why is no secret, and a page of a foreign origin needs to know it, too."""
        asked = door_request(request)
        self._desks.door.refused(refusal, asked.peer_ip, asked.path)
        headers = {**dict(response_headers(refusal)), "cache-control": "no-store"}
        headers["access-control-allow-origin"] = "*"
        return JSONResponse(explanation(refusal), status_code=refusal.status, headers=headers)


async def _until_gone(request: HttpRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: HttpRequest, max_bytes: int) -> bytes:
    """Raises ``HandshakeRefused`` where it is too large, or takes too long."""
    body = b""
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                body += part
                if len(body) > max_bytes:
                    raise HandshakeRefused(413, "too_large", "the body is too large")
    except ClientDisconnect:
        raise HandshakeRefused(400, "malformed", "the body is not complete") from None
    except TimeoutError:
        raise HandshakeRefused(408, "timeout", "the body did not come in time") from None
    return body
