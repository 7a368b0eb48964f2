"""Tidewire's own HTTP routes; everything else is the application's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from tidewire.app import AsgiApp, AsgiReceive, AsgiSend, Scope
from tidewire.errors import HandshakeRefused
from tidewire.http.asgi import path_of
from tidewire.http.client_script import client_script_routes
from tidewire.http.endpoint import ApiEndpoint
from tidewire.http.requests import door_request
from tidewire.server.door import FrontDoor
from tidewire.server.refusals import explanation, response_headers

READ_BY_ANYONE = {"access-control-allow-origin": "*", "cache-control": "no-store"}
"""Why an upgrade is refused is no secret, and a page of a foreign Origin needs to know it too."""


class Routes:
    """The handlers, and what they look at."""

    def __init__(
        self,
        door: FrontDoor,
        api: ApiEndpoint,
        registry: CollectorRegistry | None,
        is_ready: Callable[[], bool],
        *,
        visitors: Sequence[BaseRoute] = (),
        has_own_port: bool,
    ) -> None:
        self._door = door
        self._api = api
        self._visitors = visitors
        self._has_own_port = has_own_port
        self._registry = registry
        self._is_ready = is_ready

    def application(self, fallback: AsgiApp | None, documents: Sequence[BaseRoute] = ()) -> AsgiApp:
        """The ASGI application of the public port; ``fallback`` gets what is not ours.

        ``documents`` describe the application.
        """
        routes = [*self._health(), *client_script_routes(), *documents]
        routes.append(Route("/api/ticket", self.ticket, methods=["POST"]))
        routes.extend(self._visitors)
        if not self._has_own_port:
            routes.extend(self._metrics())
        paths = sorted(self._door.paths - {"/"})
        routes.extend(Route(path, self.explain, methods=["GET"]) for path in paths)
        routes.extend(self._root(fallback))
        site = Starlette(routes=routes)
        return site if self._has_own_port else self._with_api(site, takes_all=fallback is None)

    def private(self) -> AsgiApp:
        """The ASGI application of the API's own port."""
        site = Starlette(routes=[*self._health(), *self._metrics()])
        return self._with_api(site, takes_all=True)

    def _with_api(self, site: AsgiApp, *, takes_all: bool) -> AsgiApp:
        """The API before ``site``, and before a router looks at anything: it is to be fast.

        Without ``takes_all`` what is no call of ours is left to ``site``: a mounted
        application may well have an /api of its own.
        """
        api = self._api

        async def entrance(scope: Scope, receive: AsgiReceive, send: AsgiSend) -> None:
            if api.serves(path_of(scope), takes_all=takes_all):
                await api(scope, receive, send)
            else:
                await site(scope, receive, send)

        return entrance

    def _health(self) -> list[BaseRoute]:
        return [
            Route(path, handler, methods=["GET"])
            for paths, handler in (
                (("/healthz", "/health/live"), self.live),
                (("/readyz", "/health/ready"), self.ready),
            )
            for path in paths
        ]

    def _metrics(self) -> list[BaseRoute]:
        if self._registry is None:
            return []
        return [Route("/metrics", self.metrics, methods=["GET"])]

    def _root(self, fallback: AsgiApp | None) -> list[BaseRoute]:
        """``/`` may be a page and a WebSocket: a client that asks for JSON means the latter."""
        if "/" not in self._door.paths:
            return [] if fallback is None else [Mount("/", fallback)]
        if fallback is None:
            return [Route("/", self.explain, methods=["GET"])]
        return [_WhenJsonIsAsked("/", self.explain, methods=["GET"]), Mount("/", fallback)]

    # -- handlers ------------------------------------------------------------------------------

    async def live(self, _: HttpRequest) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(self, _: HttpRequest) -> Response:
        """503 as soon as the server is asked to stop, so that no new client is sent here."""
        if self._is_ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", status_code=503)

    async def metrics(self, _: HttpRequest) -> Response:
        assert self._registry is not None
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    async def explain(self, request: HttpRequest) -> Response:
        """A plain GET of a WebSocket's URL: why an upgrade would be refused."""
        return _refusal(await self._door.explain(door_request(request)))

    async def ticket(self, request: HttpRequest) -> Response:
        """A single-use ticket for whoever this request authenticates as."""
        try:
            ticket, ttl_s = await self._door.issue_ticket(door_request(request))
        except HandshakeRefused as refusal:
            return _refusal(refusal)
        return JSONResponse(
            {"ticket": ticket, "expiresIn": ttl_s}, headers={"cache-control": "no-store"}
        )


class _WhenJsonIsAsked(Route):
    """Matches only requests that prefer JSON to a page."""

    def matches(self, scope: Any) -> Any:
        match, child = super().matches(scope)
        if not match.value or not _asks_for_json(scope["headers"]):
            return type(match).NONE, {}
        return match, child


def _asks_for_json(headers: list[tuple[bytes, bytes]]) -> bool:
    accepted = b",".join(value for name, value in headers if name == b"accept")
    return b"application/json" in accepted and b"text/html" not in accepted


def _refusal(refusal: HandshakeRefused) -> Response:
    headers = dict(response_headers(refusal)) | READ_BY_ANYONE
    return JSONResponse(explanation(refusal), status_code=refusal.status, headers=headers)
