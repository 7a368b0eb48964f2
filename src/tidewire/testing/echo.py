"""An echo server on the real connection code, for conformance suites.

    python -m tidewire.testing.echo --port 9001 --compression

Everything between the socket and the message is the product's; only what is
done with a message differs. Rates and deadlines are lifted, since a suite sends
as fast as it can.
"""

from __future__ import annotations

import asyncio

import click
from uvicorn import Config

from tidewire.clock import SystemClock
from tidewire.counters import Counters
from tidewire.dialects.native import NativeDialect
from tidewire.security.admission import ConnectionLimits as ConnectionCounts
from tidewire.security.origin import OriginPolicy
from tidewire.security.proxies import TrustedProxies
from tidewire.security.rates import Rate
from tidewire.security.tickets import TicketOffice
from tidewire.server.admission import Admission
from tidewire.server.connection import Connection
from tidewire.server.door import FrontDoor, HeadLimits
from tidewire.server.drain import DrainSentinel
from tidewire.server.heartbeat import HeartbeatWheel
from tidewire.server.listening import listen_tcp
from tidewire.server.protocol import STATE_KEY, TidewireProtocol
from tidewire.server.runner import Runner
from tidewire.server.shared import Client, ConnectionLimits, Shared
from tidewire.server.wires import Deflating, Wires
from tidewire.session import SessionLimits
from tidewire.tick import Tick
from tidewire.websocket.receiver import ReceiveLimits

UNLIMITED = Rate(1e9, 1_000_000_000)
PATHS = ("/", "/echo")
PATIENCE_S = 120.0
"""Of every deadline: a suite's slowest case takes about a minute."""


class Echo:
    """Sends every message back as it came."""

    def welcome(self, peer: Client) -> None:
        """Nothing is said before the client speaks."""

    def receive(self, peer: Client, text: str) -> None:
        assert isinstance(peer, Connection)
        peer.queue(peer.wire.text(text.encode()))

    def receive_binary(self, peer: Client, data: bytes) -> None:
        assert isinstance(peer, Connection)
        peer.queue(peer.wire.binary(data))

    def refuse_frames(self, peer: Client, wait_s: float) -> None:
        """The rate is unlimited."""

    def fell_behind(self, peer: Client) -> None:
        """Everything waits in its queue."""

    def caught_up(self, peer: Client) -> None:
        """Nothing was kept elsewhere."""

    def leave(self, peer: Client, close_code: int, reason: str = "") -> None:
        """Nothing was joined."""


class EchoService:
    """The ASGI application: a lifespan that carries the front door, and no HTTP."""

    def __init__(self, limits: ReceiveLimits, *, compression: bool) -> None:
        self._limits = limits
        self._compression = compression

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        if scope["type"] != "lifespan":  # type: ignore[index]
            raise RuntimeError("the echo server speaks WebSocket only")
        await receive()  # type: ignore[operator]
        scope["state"][STATE_KEY] = self._front_door()  # type: ignore[index]
        await send({"type": "lifespan.startup.complete"})  # type: ignore[operator]
        await receive()  # type: ignore[operator]
        await send({"type": "lifespan.shutdown.complete"})  # type: ignore[operator]

    def _front_door(self) -> FrontDoor:
        loop = asyncio.get_running_loop()
        clock = SystemClock()
        tick = Tick(loop.call_soon, clock.monotonic)
        counts = ConnectionCounts(total=1_000, per_user=1_000, per_ip=1_000)
        shared = Shared(
            handler=Echo(),
            limits=ConnectionLimits(
                session=SessionLimits(publications=UNLIMITED, frames=UNLIMITED),
                queue_bytes=2**30,
                queue_age_s=PATIENCE_S,
                unfinished_message_s=PATIENCE_S,
            ),
            clock=clock,
            counters=Counters(),
            tick=tick,
            wheel=HeartbeatWheel(1.0),
            loop=loop,
            ended=lambda peer: counts.leave(peer.session.user.id, peer.limited_ip),
        )
        tick.set_phases(shared.flush, has_more=lambda: shared.has_work)
        return FrontDoor(
            admission=Admission(
                origins=OriginPolicy(("*",), cookies=False),
                allows_any_origin=True,
                verifier=None,
                tickets=TicketOffice(lambda size: b"\0" * size),
                clock=clock,
                allows_anonymous=True,
            ),
            connections=counts,
            proxies=TrustedProxies(),
            paths=PATHS,
            head_limits=HeadLimits(),
            receive_limits=self._limits,
            wires=Wires((NativeDialect(),), Deflating() if self._compression else None),
            shared=shared,
            sentinel=DrainSentinel(lambda: asyncio.ensure_future(_close_all(shared))),
            ticket_ttl_s=0.0,
        )


async def _close_all(shared: Shared) -> None:
    shared.abort_all()
    await shared.all_gone()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9001, show_default=True)
@click.option("--compression/--no-compression", help="Agree to permessage-deflate.")
@click.option("--max-message-bytes", default=2**25, show_default=True)
@click.option("--max-fragments", default=128, show_default=True)
def main(
    host: str, port: int, compression: bool, max_message_bytes: int, max_fragments: int
) -> None:
    """Echo every WebSocket message back until told to stop."""
    limits = ReceiveLimits(max_message_bytes=max_message_bytes, max_fragments=max_fragments)
    service = EchoService(limits, compression=compression)
    config = Config(
        service,
        http=TidewireProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
    )
    runner = Runner(config, stopping=lambda: None, reload=lambda: None)
    runner.run(sockets=[listen_tcp(host, port)])


if __name__ == "__main__":
    main()
