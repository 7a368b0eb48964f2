"""Reads a JSON Web Key Set from an address: off the loop, in bounded time and size.

https, or http on this machine itself; a redirect is not followed.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlsplit

from tidewire.errors import ConfigError
from tidewire.security.keys import KeySet

MAX_BYTES = 256 * 1024
"""Sixty-four keys with their certificate chains; what is longer is no key set."""

TIMEOUT_S = 10.0
"""For the whole answer, however it trickles; an issuer answers in a fraction of a second."""

CHUNK_BYTES = 16 * 1024


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
