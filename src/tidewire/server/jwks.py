"""JWKS: the issuer's keys, fetched from the one address that was configured.

Read at the start, again every quarter of an hour, and when a token names a key
nobody here has, which is how an issuer's new key is noticed. A token decides at
most *that* it is read, never from where (catalogue 23), and not often. Whatever
fails later leaves the keys in force as they are.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from http.client import HTTPException
from typing import IO, Any, TypeAlias
from urllib.parse import urlsplit

from tidewire.clock import Clock
from tidewire.errors import ConfigError, StartFailed
from tidewire.security.keys import KeySet

logger = logging.getLogger("tidewire.jwks")

MAX_BYTES = 256 * 1024
"""Sixty-four keys with their certificate chains; what is longer is no key set."""

TIMEOUT_S = 10.0
"""For the whole answer, however it trickles; an issuer answers in a fraction of a second."""

RENEW_S = 15 * 60.0
"""How long a key that the issuer withdrew is still believed. Issuers rotate by the day."""

LEAST_PAUSE_S = 10.0
"""Between two fetches for unknown key ids: anybody can invent one, and makes us ask this often."""

CHUNK_BYTES = 16 * 1024

Fetch: TypeAlias = Callable[[], Awaitable[KeySet]]


class RemoteKeys:
    """Keeps the keys of one address fresh. ``take`` is handed each set that was read.

    ``take`` may raise ``ConfigError`` where a set cannot be used beside the others.
    """

    def __init__(self, fetch: Fetch, take: Callable[[KeySet], None], clock: Clock) -> None:
        self._fetch = fetch
        self._take = take
        self._clock = clock
        self._fetching: asyncio.Task[bool] | None = None
        self._fetched_at = float("-inf")

    async def start(self) -> None:
        """Read the keys for the first time. Raises ``StartFailed``: one sentence."""
        self._fetched_at = self._clock.monotonic()
        try:
            self._take(await self._fetch())
        except ConfigError as error:
            raise StartFailed(f"auth.jwks_url: {error}") from None

    async def keep_fresh(self) -> None:
        """Read them again and again; ends when it is cancelled."""
        while True:
            await asyncio.sleep(RENEW_S)
            await self._renew()

    async def renew_for_unknown_key(self) -> bool:
        """Read them again unless that was just done; whether it is worth looking again.

        Many may ask at once, and share one fetch. Cancelling one of them leaves it to the others.
        """
        if self._fetching is None and self._clock.monotonic() - self._fetched_at < LEAST_PAUSE_S:
            return False
        return await self._renew()

    async def _renew(self) -> bool:
        if self._fetching is None:
            self._fetched_at = self._clock.monotonic()
            self._fetching = asyncio.create_task(self._fetch_and_take())
            self._fetching.add_done_callback(self._done)
        return await asyncio.shield(self._fetching)

    def _done(self, _: asyncio.Task[bool]) -> None:
        self._fetching = None

    async def _fetch_and_take(self) -> bool:
        try:
            self._take(await self._fetch())
        except ConfigError as error:
            logger.warning("keys not renewed", extra={"reason": str(error)})
            return False
        except Exception:
            logger.exception("keys not renewed")
            return False
        logger.debug("keys renewed")
        return True


async def fetch_keys(
    url: str, *, issuer: str | None = None, timeout_s: float = TIMEOUT_S
) -> KeySet:
    """The keys at ``url``, read off the loop. Raises ``ConfigError`` where there are none.

    On a thread of its own that nothing waits for, so that an issuer that never
    finishes cannot keep the process from stopping. Cancelled, the thread runs to its end.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[KeySet] = loop.create_future()

    def work() -> None:
        result: KeySet | Exception
        try:
            result = read_keys(url, issuer=issuer, deadline=time.monotonic() + timeout_s)
        except Exception as error:
            result = error
        _tell(loop, done, result)

    threading.Thread(target=work, name="jwks", daemon=True).start()
    try:
        async with asyncio.timeout(timeout_s):
            return await done
    except TimeoutError:
        raise ConfigError(f"{_shown(url)} did not answer within {timeout_s:g} s") from None


def _tell(
    loop: asyncio.AbstractEventLoop, done: asyncio.Future[KeySet], result: KeySet | Exception
) -> None:
    def settle() -> None:
        if done.done():
            return
        if isinstance(result, Exception):
            done.set_exception(result)
        else:
            done.set_result(result)

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def read_keys(url: str, *, issuer: str | None, deadline: float) -> KeySet:
    """As ``fetch_keys``, blocking; ``deadline`` is on the monotonic clock."""
    try:
        content = _read(url, deadline)
        document = json.loads(content)
    except urllib.error.HTTPError as error:
        error.close()  # it is the answer too, with its connection
        raise ConfigError(f"{_shown(url)} answers {error.code} instead of a key set") from None
    except (OSError, HTTPException) as error:
        raise ConfigError(f"cannot read {_shown(url)}: {_reason(error)}") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{_shown(url)} is not JSON, as a key set is") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{_shown(url)} is no key set: it has no object around its keys")
    return KeySet.from_jwks(document, issuer=issuer)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The configured address is the only one asked: it may not send us to another host."""

    def redirect_request(  # noqa: PLR0917 - urllib's signature
        self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


def _read(url: str, deadline: float) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310
    with _opener(url).open(request, timeout=_left(deadline)) as answer:
        content = b""
        while chunk := answer.read1(CHUNK_BYTES):
            content += chunk
            _left(deadline)
            if len(content) > MAX_BYTES:
                raise ConfigError(f"{_shown(url)} is too long for a key set")
    return content


def _opener(url: str) -> urllib.request.OpenerDirector:
    """https, or http to this machine (which ``config.checks`` saw to), and nothing else."""
    is_local = urlsplit(url).scheme == "http"
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if is_local:  # a proxy for the outside is not asked for what is here
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _left(deadline: float) -> float:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("it takes too long")
    return left_s


def _reason(error: OSError | HTTPException) -> str:
    cause = getattr(error, "reason", None) or error
    return str(getattr(cause, "strerror", None) or cause)


def _shown(url: str) -> str:
    """The address without its query, or a name and password in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
