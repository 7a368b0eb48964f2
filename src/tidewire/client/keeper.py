"""Keeper: keeps a connection, one after the other, and says how that stands.

Puts the pure rooms to work: what an end means (``closing``), how long to wait
(``backoff``), what waits to be published (``outgoing``). One task does it all; it
ends when the client is closed, or may not come back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

from tidewire.client.backoff import Backoff
from tidewire.client.bell import Bell
from tidewire.client.closing import Ending, after_close, after_failure, after_refusal
from tidewire.client.connection import Connection, Parts
from tidewire.client.errors import ClientClosed, ConnectionLost
from tidewire.client.state import Closed, Connecting, ConnectionState, Open, Waiting
from tidewire.client.wire import Address, Wire, open_wire
from tidewire.errors import HandshakeRefused, TidewireError
from tidewire.messages import Connected
from tidewire.websocket.close_codes import ComeBack

logger = logging.getLogger("tidewire.client")

MAX_MESSAGE_BYTES = 65_536
"""Until the server has said what it takes. One byte more and it would close the connection."""

LOOK_S = 0.5
"""While publications wait: how often to see which are too old, and which may be repeated."""


class Keeper:
    """One client's way through its connections."""

    def __init__(self, address: Address, parts: Parts, draw: Callable[[], float]) -> None:
        self.state: ConnectionState = Connecting(1)
        self.max_message_bytes = MAX_MESSAGE_BYTES
        self.changed = Bell()
        self._address = address
        self._parts = parts
        self._backoff = Backoff(draw)
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # -- from beginning to end -----------------------------------------------------------------

    def start(self) -> None:
        """Raises ``TidewireError`` the second time."""
        if self._task is not None:
            raise TidewireError("a client is entered once: connect again")
        self._task = asyncio.create_task(self._run(), name="tidewire-client")

    async def close(self) -> None:
        """Say goodbye and let go of everything. Harmless when closed already."""
        self._end(Closed("closed here"), None)
        task = self._task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait((task,))

    def _end(self, state: Closed, error: ClientClosed | None) -> None:
        if isinstance(self.state, Closed):
            return
        self._enter(state)
        self._parts.outgoing.close(error or ClientClosed(state.reason))
        for feed in self._parts.feeds.values():
            feed.end(error)
        if self._timer is not None:
            self._timer.cancel()

    # -- how it stands -------------------------------------------------------------------------

    def _enter(self, state: ConnectionState) -> None:
        self.state = state
        self.changed.ring()

    async def states(self) -> AsyncIterator[ConnectionState]:
        """How it is now, and whenever that changes; ends with ``Closed``."""
        seen: ConnectionState | None = None
        while not isinstance(seen, Closed):
            if self.state is seen:
                await self.changed.wait()
            else:
                seen = self.state
                yield seen

    @property
    def connection(self) -> Connection | None:
        """The connection, while it is open."""
        return self._connection if isinstance(self.state, Open) else None

    async def opened(self) -> Connection:
        """The connection, once there is one. Raises ``ClientClosed``."""
        while (connection := self.connection) is None:
            self.check()
            if self._task is None:
                raise TidewireError("a client is used inside its 'async with' block")
            await self.changed.wait()
        return connection

    def check(self) -> None:
        """Raises ``ClientClosed`` where there will be no connection any more."""
        if isinstance(self.state, Closed):
            raise ClientClosed(self.state.reason, self.state.code)

    # -- coming back ---------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not isinstance(self.state, Closed):
                await self._live_once()
        except Exception:
            logger.exception("the client failed")
            reason = "the client failed: its log has the cause"
            self._end(Closed(reason), ClientClosed(reason))

    async def _live_once(self) -> None:
        """One try to connect, the connection, and the wait after it."""
        self._enter(Connecting(self._backoff.failures + 1))
        ending = self._parts.credentials.judge(await self._connect())
        if ending.come_back is ComeBack.NEVER:
            error = ClientClosed(ending.reason, ending.code)
            self._end(Closed(ending.reason, ending.code), error)
            return
        wait_s = self._backoff.after(ending, time.monotonic())
        self._enter(Waiting(self._backoff.failures, time.time() + wait_s, ending.reason))
        await asyncio.sleep(wait_s)

    async def _connect(self) -> Ending:
        """Why there is no connection, or none any more."""
        credentials = self._parts.credentials
        try:
            token = await credentials.current()
        except Exception as error:
            return after_failure(f"no token: {error!r}")
        try:
            wire = await open_wire(self._address, token=token, grant=credentials.grant)
        except HandshakeRefused as refused:
            return after_refusal(refused.status, str(refused), refused.retry_after_s)
        except (OSError, TimeoutError, ConnectionLost) as error:
            return after_failure(str(error) or type(error).__name__)
        return await self._use(wire)

    async def _use(self, wire: Wire) -> Ending:
        connection = self._connection = Connection(wire, self._parts, self._on_open)
        try:
            await connection.run()
        except ConnectionLost as lost:
            return after_close(lost.code, lost.reason, window_s=connection.window_s)
        finally:
            self._connection = None
            await wire.drop()

    def _on_open(self, event: Connected) -> None:
        self._backoff.opened(time.monotonic())
        self.max_message_bytes = event.limits.max_message_bytes
        self._enter(Open(event.user_id, event.client_id))

    # -- publications --------------------------------------------------------------------------

    def pump(self) -> None:
        """Send what waits to be published, and look again when some of it has waited too long."""
        outgoing = self._parts.outgoing
        outgoing.expire()
        if self._connection is not None:
            self._connection.pump()
        if len(outgoing) and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._pump_again)

    def _pump_again(self) -> None:
        self._timer = None
        self.pump()
