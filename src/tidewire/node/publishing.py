"""Publishing: from a client's command, or the application's call, to the engine and back.

What is hot is synchronous: a command that no hook, review or schema looks at goes
from ``publish`` to the engine without a coroutine. The engine's answers come back
here, as the outcomes of receipts.
"""

from __future__ import annotations

from collections.abc import Sequence
from json.encoder import encode_basestring as quoted

from msgspec import UNSET

from tidewire.channels.options import ChannelOptions
from tidewire.channels.patterns import Found
from tidewire.clock import Clock
from tidewire.counters import Counters
from tidewire.engines.base import Engine, Receipt
from tidewire.errors import CommandRefused, EngineUnavailable, ErrorCode
from tidewire.messages import Chat, Publication, Publish, Published
from tidewire.node.answers import Answers
from tidewire.node.application import Application
from tidewire.node.gate import Gate
from tidewire.node.peer import CommandKey, Peer
from tidewire.node.permissions import Permissions, fits
from tidewire.security.rates import SharedBuckets
from tidewire.tick import Tick

SMALL_CHARACTERS = 1024
"""Publications up to here are only counted: a burst of 40 is 160 KiB at most, in whatever script,
and fills no reader's queue. So the hot path stays free of a second rate."""


class Publisher:
    """Takes publications in, and tells their publishers how they ended."""

    def __init__(
        self,
        engine: Engine,
        permissions: Permissions,
        answers: Answers,
        application: Application,
        gate: Gate,
        *,
        clock: Clock,
        tick: Tick,
        counters: Counters,
        user_rates: SharedBuckets[str],
    ) -> None:
        self._engine = engine
        self._permissions = permissions
        self._answers = answers
        self._application = application
        self._gate = gate
        self._clock = clock
        self._tick = tick
        self._counters = counters
        self._user_rates = user_rates
        self._submitted = 0  # publications that have come in in this turn

    # -- a client's ----------------------------------------------------------------------------

    def publish(self, peer: Peer, command: Chat | Publish) -> None:
        """Submit a client's publication, or run what has to be asked before."""
        session, now = peer.session, self._tick.now
        writing = session.writings.get(command.channel)  # 0.06 us less than a call
        if writing is None:
            writing = self._permissions.writing(session, command.channel)
        session.check_rates(writing, self._user_rates, now)
        entry = self._entry(peer, command, writing.found.options)
        if len(entry.data) > SMALL_CHARACTERS:
            session.check_publication_bytes(len(entry.data.encode()), now)
        if writing.is_plain:
            self._submit(peer, entry, writing.found.options, command.id)
        else:
            self._consider(peer, entry, writing.found, command.id)

    def _consider(self, peer: Peer, entry: Publication, found: Found, key: CommandKey) -> None:
        """Look at what not every publication has to pass; wait only where somebody is asked."""
        self._permissions.check(peer.session, "publish", found.name)
        fits(found, entry.data)
        if self._permissions.is_asked("publish", found) or self._application.reviews(found):
            self._answers.run(peer, key, lambda: self._ask(peer, entry, found, key))
        else:
            self._submit(peer, entry, found.options, key)

    async def _ask(self, peer: Peer, entry: Publication, found: Found, key: CommandKey) -> None:
        await self._permissions.may(peer, "publish", found.name)
        if self._application.reviews(found):
            entry = await self._gate.run(lambda: self._application.review(peer, entry))
            fits(found, entry.data)
        self._tick.request()
        self._submit(peer, entry, found.options, key)

    def _submit(
        self, peer: Peer, entry: Publication, options: ChannelOptions, key: CommandKey
    ) -> None:
        session, receipt = peer.session, None
        if key is not UNSET:
            session.ask()
            receipt = Receipt(entry.channel, peer, key)
        if not self._engine.submit(entry, options, receipt):
            session.answered(key)
            raise CommandRefused("unavailable", "too many publications in flight", retry_after_s=1)
        self._submitted += 1

    def _entry(self, peer: Peer, command: Chat | Publish, options: ChannelOptions) -> Publication:
        """The command as an entry whose place in the log the engine has yet to give it."""
        session, channel = peer.session, command.channel
        user_id, client_id = session.user.id, session.client_id
        if isinstance(command, Chat):
            data = f'{{"text":{quoted(command.text)}}}'
            entry = Publication(channel, 0, "", 0, user_id, client_id, data, "chat", command.once)
        else:
            data = "null" if command.data is UNSET else bytes(command.data).decode()
            once, key, ref = command.once, command.key, command.ref
            entry = Publication(
                channel, 0, "", 0, user_id, client_id, data, "message", once, key, ref,
                command.op, command.tags, command.encoding,
            )  # fmt: skip
            if command.ttl is not None:
                entry.expires_at = int((self._clock.time() + command.ttl) * 1000)
        if not options.echo:
            entry.exclude = client_id
        return entry

    # -- the application's ---------------------------------------------------------------------

    def accept(self, entry: Publication, options: ChannelOptions, receipt: Receipt | None) -> None:
        """Publish without a session and its limits. Raises ``EngineUnavailable``."""
        self._tick.request()
        if not self._engine.submit(entry, options, receipt):
            raise EngineUnavailable("too many publications in flight")
        self._submitted += 1

    # -- how they ended ------------------------------------------------------------------------

    def settled(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            if callable(receipt.sender):
                receipt.sender(receipt)
            else:
                self._answer(receipt.sender, receipt)

    def _answer(self, sender: Peer, receipt: Receipt) -> None:
        sender.session.answered(receipt.command_id)
        position = receipt.position
        if receipt.outcome != "accepted" or position is None:
            is_unknown = receipt.outcome == "unknown"
            code: ErrorCode = "unknown_outcome" if is_unknown else "unavailable"
            refusal = CommandRefused(code, "try again later")
            self._answers.refuse(sender, receipt.command_id, refusal)
            return
        sender.send(
            Published(
                id=receipt.command_id,
                channel=receipt.channel,
                epoch=position.epoch,
                seq=position.seq,
                tag=position.tag,
            )
        )

    def observe_written(self) -> None:
        """The tick's last phase: what was submitted in it has been handed to the sockets.

        One observation for all, from the turn's first arrival: the worst of them.
        """
        if self._submitted:
            waited_s = self._clock.monotonic() - self._tick.now
            self._counters.publish_latency.observe(waited_s, self._submitted)
            self._submitted = 0
