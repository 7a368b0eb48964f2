"""The pytest plugin: a server for a test, and a clock that stands still.

    def test_a_move_is_told_to_the_others(tidewire_serve):
        server = tidewire_serve(app)
        ann, ben = server.connect("ann"), server.connect("ben")
        ann.send({"type": "move", "x": 3, "y": 4})
        ben.expect("move", x=3)

pytest loads it by itself wherever Tidewire is installed, so it imports nothing before
a test asks for it, and changes nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tidewire.testing.blocking import BlockingServer
    from tidewire.testing.clock import FakeClock


@pytest.fixture
def tidewire_serve() -> Iterator[Callable[..., BlockingServer]]:
    """Starts a server, ``tidewire_serve(app, settings, clock=...)``, and stops it after the test.

    May be called more than once: each call is a server of its own.
    """
    from tidewire.testing.blocking import running  # noqa: PLC0415 (only where it is used)

    with ExitStack() as stack:
        yield lambda *given, **named: stack.enter_context(running(*given, **named))


@pytest.fixture
def tidewire_clock() -> FakeClock:
    """A clock that moves only by ``advance``; hand it to ``tidewire_serve(app, clock=...)``."""
    from tidewire.testing.clock import FakeClock  # noqa: PLC0415

    return FakeClock()
