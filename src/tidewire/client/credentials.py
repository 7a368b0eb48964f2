"""Credentials: the token in hand, and how to come by the next one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec.structs import replace

from tidewire.client.closing import Ending
from tidewire.websocket.close_codes import ComeBack

GetToken: TypeAlias = Callable[[], Awaitable[str]]


class Credentials:
    """Who uses it asks one question at a time: connecting and refreshing never overlap."""

    def __init__(self, token: str | None, get_token: GetToken | None) -> None:
        self.grant: str | None = None
        """The server's own word for who this client is, for the next connection."""

        self._token = token
        self._get_token = get_token
        self._is_untried = False

    @property
    def can_renew(self) -> bool:
        return self._get_token is not None

    async def current(self) -> str | None:
        """The token to connect with; None: none at all. Raises what ``get_token`` raises."""
        if self._token is None and self._get_token is not None:
            await self.renew()
        return self._token

    async def renew(self) -> str:
        """A new token. Raises what ``get_token`` raises."""
        if self._get_token is None:
            raise ValueError("no get_token was given")
        self._token = await self._get_token()
        self._is_untried = True
        return self._token

    def accepted(self) -> None:
        """The server has let us in with it."""
        self._is_untried = False

    def judge(self, ending: Ending) -> Ending:
        """``ending``, unless it asks for a new token and there is none, or it was just that."""
        if ending.come_back is not ComeBack.WITH_NEW_TOKEN:
            return ending
        self.grant = None
        if self._get_token is None or self._is_untried:
            return replace(ending, come_back=ComeBack.NEVER)
        self._token = None
        return ending
