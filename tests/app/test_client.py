"""A client, as a handler sees it: from the loop or from a thread."""

from __future__ import annotations

import pytest

from tidewire.app.client import Client
from tidewire.app.core import App
from tidewire.app.message import Message
from tidewire.testing.blocking import running
from tidewire.testing.client import Disconnected


class Act(Message, type="act"):
    what: str


class Said(Message, type="said"):
    text: str


APP = App()
APP.channel("room:{name}", subscribe="nobody")


@APP.on(Act)
def act(client: Client, act: Act) -> None:
    """In a thread."""
    match act.what:
        case "tell":
            client.send(Said(f"{client.user.id} in {','.join(client.channels)}", id=3))
        case "subscribe":
            APP.wait(client.subscribe("room:1"), 60)
        case "unsubscribe":
            client.unsubscribe("room:1")
        case "close":
            client.close("done")
        case "kick":
            client.kick()
        case "disconnect":
            APP.disconnect(client, "away with you")


def test_a_handler_in_a_thread_tells_its_client() -> None:
    with running(APP) as server:
        ann = server.connect("ann")
        ann.send({"type": "act", "what": "tell"})
        assert ann.expect("said") == {"type": "said", "text": "ann in lobby"}


def test_a_handler_subscribes_its_client_to_what_it_may_not_ask_for() -> None:
    with running(APP) as server:
        ann = server.connect("ann")
        assert ann.request({"type": "subscribe", "channel": "room:1"})["code"] == "forbidden"
        ann.send({"type": "act", "what": "subscribe"})
        ann.expect("subscribed", channel="room:1")
        ann.request({"type": "act", "what": "unsubscribe"})
        ann.expect("unsubscribed", channel="room:1")


@pytest.mark.parametrize(
    ("what", "end"),
    [("close", "1000 done"), ("kick", "4003 forbidden"), ("disconnect", "4003 away with you")],
)
def test_a_handler_closes_its_client_with_a_reason(what: str, end: str) -> None:
    with running(APP) as server:
        ann = server.connect("ann")
        ann.send({"type": "act", "what": what})
        with pytest.raises(Disconnected, match=end):
            ann.expect("never")


def test_telling_a_client_whose_server_has_stopped_harms_nobody() -> None:
    app, seen = App(), list[Client]()
    app.on_connect(seen.append)
    with running(app) as server:
        server.connect("ann").expect("connected")
    seen[0].send(Said("too late"))
    seen[0].kick()
    assert seen[0].user.id == "ann"
