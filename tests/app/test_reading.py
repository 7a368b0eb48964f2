"""What an application reads of channels, and does to who is connected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec import Struct

from tidewire.app.core import App
from tidewire.app.message import Message
from tidewire.errors import CommandRefused
from tidewire.messages import Position
from tidewire.testing.blocking import BlockingServer, running
from tidewire.testing.client import Disconnected


class Price(Struct):
    cents: int


class Bell(Message, type="bell"):
    loud: bool


class Shop:
    """A running application with a channel of prices."""

    def __init__(self, server: BlockingServer, app: App) -> None:
        self.server = server
        self.app = app
        self.do = server.do


@pytest.fixture
def shop() -> Iterator[Shop]:
    app = App()
    app.channel("prices", Price, latest=True)
    app.channel("bells")
    with running(app) as server:
        yield Shop(server, app)


def test_history_is_read_as_the_channels_type(shop: Shop) -> None:
    for cents in (1, 2, 3):
        shop.do(shop.app.publish("prices", Price(cents), key="tea", user_id="shop"))
    past = shop.do(shop.app.history("prices", limit=2))
    assert [each.data for each in past.entries] == [Price(2), Price(3)]
    assert past.entries[-1].position == past.head
    assert (past.entries[0].user_id, past.entries[0].key, past.is_complete) == ("shop", "tea", True)
    newest = shop.do(shop.app.history("prices", newest_first=True, limit=1))
    since = shop.do(shop.app.history("prices", since=past.entries[0].position))
    assert newest.entries == since.entries == past.entries[1:]


def test_a_message_in_history_has_its_type(shop: Shop) -> None:
    shop.do(shop.app.publish("bells", Bell(loud=True)))
    (entry,) = shop.do(shop.app.history("bells")).entries
    assert (entry.type, entry.data) == ("bell", {"loud": True})


def test_a_place_the_log_does_not_know_is_said_so(shop: Shop) -> None:
    past = shop.do(shop.app.history("prices", since=Position("elsewhere", 7, "x")))
    assert (past.entries, past.is_complete) == ([], False)


def test_the_latest_of_each_key_is_one_dictionary(shop: Shop) -> None:
    for key, cents in (("tea", 1), ("milk", 2), ("tea", 3)):
        shop.do(shop.app.publish("prices", Price(cents), key=key))
    assert shop.do(shop.app.latest("prices")) == {"tea": Price(3), "milk": Price(2)}


def test_reading_a_channel_that_is_not_configured_is_refused(shop: Shop) -> None:
    with pytest.raises(CommandRefused):
        shop.do(shop.app.history("nowhere"))


def test_who_is_here_is_known_by_user(shop: Shop) -> None:
    ann = shop.server.connect("ann")
    ann.expect("connected")
    present = shop.do(shop.app.presence("lobby"))
    assert (present.user_count, [each.user_id for each in present.users]) == (1, ["ann"])


def test_a_signal_reaches_who_is_here_and_is_not_kept(shop: Shop) -> None:
    ann = shop.server.connect("ann")
    ann.expect("connected")
    shop.app.signal("lobby", "cursor", {"x": 1}, user_id="shop")
    assert ann.expect("signal", name="cursor")["data"] == {"x": 1}
    assert shop.do(shop.app.history("lobby")).entries == []


def test_a_user_is_disconnected_on_every_device(shop: Shop) -> None:
    devices = [shop.server.connect("ann") for _ in range(2)]
    other = shop.server.connect("ben")
    for each in (*devices, other):
        each.expect("connected")
    shop.app.disconnect("ann", "enough")
    for each in devices:
        with pytest.raises(Disconnected, match="4003 enough"):
            each.expect("never")
    assert other.request({"type": "ping"})["type"] == "pong"
