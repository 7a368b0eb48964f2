"""Endpoint: ``/api/*`` as ASGI. One path for each call, one shape for each failure."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any

import msgspec

from tidewire.api.calls import (
    CALLS,
    Answer,
    Batch,
    Call,
    Disconnect,
    Failed,
    Results,
    Revoke,
    Subscribe,
    Unsubscribe,
    method_of,
)
from tidewire.api.errors import ApiError
from tidewire.app import AsgiReceive, AsgiSend, Scope
from tidewire.counters import Counters
from tidewire.http.asgi import RequestLost, path_of, read_body, respond
from tidewire.http.backend import Backend
from tidewire.http.failures import STATUS, failure_of
from tidewire.http.guard import Guard

logger = logging.getLogger("tidewire.api")

PREFIX = "/api/"
DOCUMENT = "/api/openapi.json"
TICKET = "/api/ticket"
"""For clients, who show no key: not the API's."""

CALL_S = 30.0
"""For a call, after its body has come. Engines answer within their own deadline, far below."""

AUDITED = (Disconnect, Subscribe, Unsubscribe, Revoke)
"""What is done to people leaves a line that says by whose key."""

CLOSE = ((b"connection", b"close"),)
CHALLENGE = ((b"www-authenticate", b"Bearer"),)
ALLOW_POST = ((b"allow", b"POST"),)
ALLOW_GET = ((b"allow", b"GET, HEAD"),)

_encode = msgspec.json.Encoder().encode


class ApiEndpoint:
    """The HTTP side of the API. Without a key configured every path of it is 404."""

    def __init__(self, backend: Backend, guard: Guard, counters: Counters, document: bytes) -> None:
        self._backend = backend
        self._guard = guard
        self._counters = counters
        self._document = document
        self._decoders = {
            PREFIX + method_of(call): msgspec.json.Decoder(call).decode for call in CALLS
        }

    def serves(self, path: str, *, takes_all: bool) -> bool:
        """Whether ``path`` is one of its own; with ``takes_all``, also where it can only say no."""
        if takes_all:
            return path.startswith(PREFIX) and path != TICKET
        return self._guard.is_open and (path in self._decoders or path == DOCUMENT)

    async def __call__(self, scope: Scope, receive: AsgiReceive, send: AsgiSend) -> None:
        path = path_of(scope)
        try:
            if not self._guard.is_open:
                raise ApiError("not_found", "the API is off: no key is configured")
            if path == DOCUMENT:
                await self._describe(scope, send)
            elif path not in self._decoders:
                raise ApiError("not_found", "no such call")
            elif scope["method"] != "POST":
                await _refuse_method(send, ALLOW_POST)
            else:
                await self._serve(path, scope, receive, send)
        except ApiError as error:
            await _fail(send, failure_of(error))
        except RequestLost:
            return

    async def _describe(self, scope: Scope, send: AsgiSend) -> None:
        """The OpenAPI document: it says nothing that this repository does not."""
        if scope["method"] in ("GET", "HEAD"):
            await respond(send, 200, self._document)
        else:
            await _refuse_method(send, ALLOW_GET)

    async def _serve(self, path: str, scope: Scope, receive: AsgiReceive, send: AsgiSend) -> None:
        client = scope.get("client")
        name = self._guard.check(scope["headers"], client[0] if client else "")
        call = self._decoded(path, await read_body(receive))
        method = path.removeprefix(PREFIX)
        answer = await self._answer(call)
        self._counters.api_calls[method, _outcome(answer)] += 1
        _audit(name, call, answer)
        if isinstance(answer, Failed):
            await _fail(send, answer)
        else:
            await respond(send, 200, _encode(answer))

    def _decoded(self, path: str, body: bytes) -> Call:
        """The call that ``body`` is; its text is decoded first, since data is handed on as is."""
        try:
            call: Call = self._decoders[path](body.decode())
        except msgspec.ValidationError as error:
            raise ApiError("malformed", str(error)[:300]) from None
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise ApiError("malformed", "the body is not JSON") from None
        return call

    async def _answer(self, call: Call) -> Answer:
        try:
            async with asyncio.timeout(CALL_S):
                return await self._backend.do(call)
        except TimeoutError:
            return Failed(code="unknown_outcome", message="it took too long")


async def _fail(send: AsgiSend, failed: Failed) -> None:
    extra: tuple[tuple[bytes, bytes], ...] = ()
    if failed.code == "unauthorized":
        extra = CHALLENGE
    elif failed.code in ("too_large", "timeout"):
        extra = CLOSE  # the rest of the body is not worth reading
    elif isinstance(failed.retry_after, float):
        extra = ((b"retry-after", str(math.ceil(failed.retry_after)).encode()),)
    await respond(send, STATUS[failed.code], _encode(failed), extra)


async def _refuse_method(send: AsgiSend, allow: tuple[tuple[bytes, bytes], ...]) -> None:
    failed = Failed(code="malformed", message="another method is allowed here")
    await respond(send, 405, _encode(failed), allow)


def _audit(key: str, call: Call, answer: Answer) -> None:
    """Say who has done something to people, in a batch, too."""
    if isinstance(call, Batch) and isinstance(answer, Results):
        for each, result in zip(call.commands, answer.results, strict=True):
            _audit(key, each, result)
    elif isinstance(call, AUDITED):
        facts = {"key": key, "outcome": _outcome(answer), **_about(call)}
        logger.info(method_of(type(call)), extra=facts)


def _outcome(answer: Answer) -> str:
    return answer.code if isinstance(answer, Failed) else "ok"


def _about(call: Call) -> dict[str, Any]:
    """Whom a call was about, for the log; a login's name may be the secret itself."""
    names = {"user": "user", "client": "client", "token": "token_id", "channel": "channel"}
    found = {name: getattr(call, field, msgspec.UNSET) for field, name in names.items()}
    return {name: value for name, value in found.items() if value is not msgspec.UNSET}
