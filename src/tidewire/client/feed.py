"""Feed: one channel inside the client: its stream, and what waits there for its reader."""

from __future__ import annotations

from collections.abc import Iterable

from tidewire.client.bell import Bell
from tidewire.client.buffer import Buffer
from tidewire.client.events import News
from tidewire.client.stream import Stream, Told
from tidewire.errors import TidewireError


class Feed:
    """Lives as long as the client: the position and what was not read survive every connection."""

    def __init__(self, stream: Stream, buffer: Buffer) -> None:
        self.stream = stream
        self.buffer = buffer
        self.changed = Bell()
        self.reader: object | None = None
        """Whoever reads it now. Without one it is not subscribed to."""

        self.wants_news = False
        self.asked = 0
        """Counts subscribes, so that the answer to an earlier one is known as such."""

        self.is_repairing = False
        self.is_over = False
        """Nothing more comes, until somebody reads it anew."""

        self.error: TidewireError | None = None
        """Why, where that is not the application's own doing."""

    @property
    def name(self) -> str:
        return self.stream.channel

    @property
    def is_full(self) -> bool:
        return self.reader is not None and self.buffer.is_full

    def put(self, told: Iterable[Told]) -> None:
        """Keep for the reader what the stream tells."""
        for item in told:
            self.buffer.put(item)
        if self.buffer.is_overflowing:
            self.stream.set_aside()
        self.changed.ring()

    def hear(self, news: News) -> None:
        """Keep news, if the reader has asked for them."""
        if self.wants_news and self.reader is not None:
            self.buffer.put(news)
            self.changed.ring()

    def begin(self) -> None:
        """Somebody reads it anew."""
        self.is_over, self.error = False, None

    def end(self, error: TidewireError | None = None) -> None:
        """Nothing more comes; the reader is told when it has read what is there."""
        self.stream.disconnected()
        self.is_over, self.error = True, error
        self.changed.ring()

    def disconnected(self) -> None:
        self.stream.disconnected()
        self.is_repairing = False
