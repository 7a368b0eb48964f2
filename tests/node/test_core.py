"""The use cases, one client's message at a time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.stages import GENEROUS, Stage, since
from tidewire.engines import memory
from tidewire.messages import Position
from tidewire.node.core import FEATURES
from tidewire.security.rates import Rate
from tidewire.security.user import User
from tidewire.session import SessionLimits
from tidewire.testing.clock import START_TIME_S
from tidewire.websocket import close_codes

GUEST = User("guest", is_anonymous=True)
NOW_MS = int(START_TIME_S * 1000)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def _kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [each["type"] for each in messages]


def _limited(**limits: Any) -> SessionLimits:
    return SessionLimits(
        **{"publications": GENEROUS.publications, "frames": GENEROUS.frames, **limits}
    )


# --- coming and going -------------------------------------------------------------------------


def test_a_newcomer_is_told_who_it_is_where_it_is_and_what_it_may_do(stage: Stage) -> None:
    peer = stage.connect(User("ann", info={"name": "Ann"}, expires_at=1234.5))
    assert peer.answer() == {
        "type": "connected",
        "userId": "ann",
        "userCount": 1,
        "clientId": peer.session.client_id,
        "heartbeat": 25.0,
        "protocol": 1,
        "features": list(FEATURES),
        "limits": {
            "maxMessageBytes": 65536,
            "publicationsPerSecond": 1000,
            "publicationBytesPerSecond": 262144,
            "framesPerSecond": 1000,
            "subscriptions": 128,
            "unansweredIds": 64,
        },
        "channel": "lobby",
        "epoch": "e1",
        "seq": 0,
        "tag": "",
        "info": {"name": "Ann"},
        "expiresAt": 1234,
    }


def test_everything_after_the_position_of_connected_follows_live(stage: Stage) -> None:
    speaker = stage.connect("ann")
    stage.send(speaker, "chat", text="before")
    newcomer = stage.connect("bob")
    stage.send(speaker, "chat", text="after")
    connected, chat = newcomer.take()
    assert (connected["seq"], chat["seq"], chat["text"]) == (1, 2, "after")


def test_a_server_without_a_lobby_welcomes_clients_into_none() -> None:
    connected = Stage(lobby="nowhere").connect("ann").answer()
    assert connected["userCount"] == 0
    assert not {"channel", "epoch", "seq", "tag"} & set(connected)


def test_others_are_told_of_a_user_who_comes_and_goes_and_the_user_is_not(stage: Stage) -> None:
    ann = stage.connect("ann")
    ann.take()
    bob = stage.connect(User("bob", info={"name": "Bob"}))
    joined = {"type": "user_joined", "userId": "bob", "channel": "lobby", "info": {"name": "Bob"}}
    assert ann.take() == [joined]
    assert _kinds(bob.take()) == ["connected"]
    stage.leave(bob)
    assert ann.take() == [{"type": "user_left", "userId": "bob", "channel": "lobby"}]


def test_a_user_is_announced_once_however_many_clients_come_and_go(stage: Stage) -> None:
    watcher = stage.connect("ann")
    clients = [stage.connect("bob") for _ in range(3)]
    for client in clients:
        stage.leave(client)
    assert _kinds(watcher.take()) == ["connected", "user_joined", "user_left"]


def test_whoever_has_left_is_told_nothing_more_and_leaves_nothing(stage: Stage) -> None:
    peer, other = stage.connect("ann"), stage.connect("bob")
    stage.ask(peer, "subscribe", channel="room:1")
    peer.take()
    stage.leave(peer)
    stage.send(other, "chat", text="hello")
    assert peer.messages == []
    assert stage.node.channel_count() == 1
    assert (stage.counters.connections, stage.counters.opened) == (1, 2)


def test_a_drain_is_announced_with_its_window(stage: Stage) -> None:
    peer = stage.connect()
    peer.take()
    stage.node.announce_drain([peer], 2.5)
    assert peer.answer() == {"type": "draining", "window": 2.5}


# --- the seed, to the letter ------------------------------------------------------------------


def test_a_chat_message_reaches_everyone_as_the_seed_says(stage: Stage) -> None:
    ann, bob = stage.connect("ann"), stage.connect("bob")
    ann.take(), bob.take()
    stage.send(ann, "chat", text='Hello, "world"! \u2603')
    chat = bob.answer()
    assert ann.answer() == chat
    assert {k: chat[k] for k in ("type", "from", "text", "timestamp", "channel", "seq", "tag")} == {
        "type": "chat",
        "from": "ann",
        "text": 'Hello, "world"! \u2603',
        "timestamp": NOW_MS,
        "channel": "lobby",
        "seq": 1,
        "tag": "t1",
    }


def test_who_and_when_are_the_servers_to_say(stage: Stage) -> None:
    """Catalogue 61 and 76."""
    peer = stage.connect("ann")
    spoofed = {"from": "bob", "timestamp": 1, "seq": 99, "tag": "x", "epoch": "x", "clientId": "y"}
    chat = stage.ask(peer, "chat", text="hi", **spoofed)
    assert (chat["from"], chat["timestamp"], chat["seq"]) == ("ann", NOW_MS, 1)


def test_a_ping_is_answered_with_the_seeds_pong(stage: Stage) -> None:
    assert stage.ask(stage.connect(), "ping") == {"type": "pong"}


def test_a_ping_with_an_id_also_gets_the_servers_clock(stage: Stage) -> None:
    pong = stage.ask(stage.connect(), "ping", id="p1")
    assert pong == {"type": "pong", "id": "p1", "timestamp": NOW_MS}


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"type":"nope"}', '{"type":"chat"}'])
def test_a_message_that_is_none_gets_an_error_and_harms_nobody(stage: Stage, text: str) -> None:
    """Catalogue 48 and 55."""
    peer, other = stage.connect("ann"), stage.connect("bob")
    peer.take(), other.take()
    stage.receive(peer, text)
    stage.loop.settle()
    error = peer.answer()
    assert (error["type"], error["code"], peer.closed) == ("error", "malformed", None)
    assert other.messages == []


def test_a_binary_message_closes_the_connection(stage: Stage) -> None:
    peer = stage.connect()
    stage.node.receive_binary(peer, b"\0")
    assert peer.closed is close_codes.UNSUPPORTED_DATA


# --- publishing -------------------------------------------------------------------------------


def test_a_publish_with_an_id_is_answered_with_its_position(stage: Stage) -> None:
    peer = stage.connect()
    answer = stage.ask(peer, "publish", channel="room:1", data={"n": 1}, id=7)
    assert {k: answer[k] for k in ("type", "id", "channel", "seq")} == {
        "type": "published",
        "id": 7,
        "channel": "room:1",
        "seq": 1,
    }
    history = stage.ask(peer, "history", channel="room:1")
    assert since(answer) == since(history)
    assert history["messages"][0]["data"] == {"n": 1}


def test_a_publish_without_an_id_succeeds_in_silence(stage: Stage) -> None:
    peer = stage.connect()
    peer.take()
    stage.send(peer, "publish", channel="room:1", data=1)
    assert peer.messages == []


def test_what_was_given_with_a_publication_travels_with_it(stage: Stage) -> None:
    peer = stage.connect()
    stage.ask(peer, "subscribe", channel="room:1")
    given = {"data": None, "once": "o", "key": 'k"', "ref": 3}
    message = stage.ask(peer, "publish", channel="room:1", **given)
    assert {k: message[k] for k in given} == given
    assert message["type"] == "message"


def test_the_same_once_key_publishes_once_and_is_answered_twice(stage: Stage) -> None:
    """Catalogue 79."""
    peer = stage.connect()
    first = stage.ask(peer, "publish", channel="room:1", data=1, once="o", id=1)
    again = stage.ask(peer, "publish", channel="room:1", data=2, once="o", id=2)
    assert since(first) == since(again)
    assert len(stage.ask(peer, "history", channel="room:1")["messages"]) == 1


def test_one_clients_publications_keep_the_order_it_sent_them_in(stage: Stage) -> None:
    peer = stage.connect()
    stage.ask(peer, "subscribe", channel="room:1")
    peer.take()
    for number in range(5):
        stage.receive(peer, f'{{"type":"publish","channel":"room:1","data":{number}}}')
    stage.loop.settle()
    assert [(each["seq"], each["data"]) for each in peer.take()] == [(n + 1, n) for n in range(5)]
    assert peer.blocks <= 2


# --- limits -----------------------------------------------------------------------------------


def test_whoever_publishes_too_fast_is_told_when_to_go_on() -> None:
    """Catalogue 66."""
    stage = Stage(limits=_limited(publications=Rate(2, 1)))
    peer = stage.connect()
    stage.send(peer, "publish", channel="room:1", data=1)
    error = stage.ask(peer, "publish", channel="room:1", data=2, id=5)
    assert (error["code"], error["retryAfter"], error["id"]) == ("rate_limited", 0.5, 5)
    stage.clock.advance(error["retryAfter"])
    assert stage.ask(peer, "publish", channel="room:1", data=2, id=6)["type"] == "published"


def test_large_publications_have_a_rate_in_bytes_too() -> None:
    """Catalogue 66: before it, one burst filled the queue of whoever looked away."""
    stage = Stage(limits=_limited(publication_bytes=Rate(1000, 4000)))
    peer, large = stage.connect(), "\u2603" * 1100
    stage.send(peer, "publish", channel="room:1", data=large)
    error = stage.ask(peer, "publish", channel="room:1", data=large, id=5)
    assert (error["code"], error["id"]) == ("rate_limited", 5)
    stage.clock.advance(error["retryAfter"])
    assert stage.ask(peer, "publish", channel="room:1", data=large, id=6)["type"] == "published"


def test_large_calls_share_the_rate_in_bytes() -> None:
    """Catalogue 66: to decode them is what a flood of them costs."""
    stage = Stage(limits=_limited(publication_bytes=Rate(1000, 4000)))
    peer, large = stage.connect(), "x" * 3000
    stage.send(peer, "publish", channel="room:1", data=large)
    refused = stage.ask(peer, "call", method="m", data=large, id=1)
    assert (refused["code"], refused["id"]) == ("rate_limited", 1)


def test_small_publications_are_only_counted() -> None:
    stage = Stage(limits=_limited(publication_bytes=Rate(0.001, 1)))
    peer = stage.connect()
    for number in range(100):
        small = stage.ask(peer, "publish", channel="room:1", data="x" * 1000, id=number)
        assert small["type"] == "published"


def test_a_users_clients_share_the_users_rate() -> None:
    """Catalogue 66."""
    stage = Stage(user_rate=Rate(1, 1))
    first, second, other = stage.connect("ann"), stage.connect("ann"), stage.connect("bob")
    assert stage.ask(first, "publish", channel="room:1", data=1, id=1)["type"] == "published"
    assert stage.ask(second, "publish", channel="room:1", data=1, id=1)["code"] == "rate_limited"
    assert stage.ask(other, "publish", channel="room:1", data=1, id=1)["type"] == "published"


def test_whoever_goes_on_breaking_rules_is_closed() -> None:
    """Catalogue 48 and 66."""
    stage = Stage(limits=_limited(refusals=3))
    peer = stage.connect()
    for _ in range(3):
        stage.receive(peer, "rubbish")
    assert peer.closed is None
    stage.receive(peer, "rubbish")
    assert peer.closed is close_codes.POLICY_VIOLATION


def test_whoever_only_asks_for_what_is_forbidden_is_not_closed() -> None:
    stage = Stage(limits=_limited(refusals=3))
    peer = stage.connect()
    for _ in range(20):
        stage.send(peer, "subscribe", channel="vault")
    assert peer.closed is None


def test_frames_beyond_the_rate_are_refused_and_count_against_the_client() -> None:
    stage = Stage(limits=_limited(refusals=1))
    peer = stage.connect()
    peer.take()
    stage.node.refuse_frames(peer, 0.25)
    error = peer.answer()
    assert (error["code"], error["retryAfter"]) == ("rate_limited", 0.25)
    stage.node.refuse_frames(peer, 0.25)
    assert peer.closed is close_codes.TOO_MANY_MESSAGES


def test_only_so_many_ids_may_wait_for_their_answer() -> None:
    stage = Stage(limits=_limited(unanswered_ids=2))
    peer = stage.connect()
    peer.take()
    for number in range(3):
        stage.receive(peer, f'{{"type":"publish","channel":"room:1","data":1,"id":{number}}}')
    assert peer.answer()["code"] == "limit"
    stage.loop.settle()
    assert [each["id"] for each in peer.take()] == [0, 1]
    assert stage.ask(peer, "publish", channel="room:1", data=1, id=3)["type"] == "published"


def test_what_the_engine_has_no_room_for_is_refused_and_waits_for_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(limits=_limited(unanswered_ids=1))
    peer = stage.connect()
    with monkeypatch.context() as patch:
        patch.setattr(memory, "MAX_IN_FLIGHT", 0)
        for number in range(3):
            error = stage.ask(peer, "publish", channel="room:1", data=1, id=number)
            assert (error["code"], error["retryAfter"]) == ("unavailable", 1)
    assert stage.ask(peer, "publish", channel="room:1", data=1, id=3)["type"] == "published"


def test_a_client_has_only_so_many_subscriptions() -> None:
    """Catalogue 71."""
    stage = Stage(limits=_limited(subscriptions=2))  # one is the lobby's
    peer = stage.connect()
    assert stage.ask(peer, "subscribe", channel="room:1")["type"] == "subscribed"
    assert stage.ask(peer, "subscribe", channel="room:2")["code"] == "limit"
    stage.ask(peer, "unsubscribe", channel="room:1")
    assert stage.ask(peer, "subscribe", channel="room:2")["type"] == "subscribed"


# --- permissions ------------------------------------------------------------------------------

READS = [
    pytest.param("subscribe", {}, id="subscribe"),
    pytest.param("subscribe", {"since": {"epoch": "e", "seq": 1, "tag": "t"}}, id="recover"),
    pytest.param("history", {}, id="history"),
    pytest.param("history", {"since": {"epoch": "e", "seq": 0}}, id="history since"),
    pytest.param("presence", {}, id="presence"),
]
WRITES = [
    pytest.param("publish", {"data": 1}, id="publish"),
    pytest.param("chat", {"text": "x"}, id="chat"),
]
CLOSED = ["vault", "members", "nowhere", "room:1:2", "no name", "room:*"]


@pytest.mark.parametrize("channel", CLOSED)
@pytest.mark.parametrize(("kind", "fields"), READS + WRITES)
def test_every_way_into_a_channel_is_closed_in_the_same_words(
    stage: Stage, kind: str, fields: dict[str, Any], channel: str
) -> None:
    """Catalogue 59, 73, 74 and 80: forbidden, unknown, or no name at all."""
    peer = stage.connect(GUEST)
    error = stage.ask(peer, kind, channel=channel, id=1, **fields)
    assert error == {
        "type": "error",
        "id": 1,
        "code": "forbidden",
        "message": "not allowed in this channel",
    }
    assert peer.command is None
    assert stage.node.channel_count() == 1


@pytest.mark.parametrize(("kind", "fields"), READS)
def test_every_way_of_reading_is_open_to_whoever_may_subscribe(
    stage: Stage, kind: str, fields: dict[str, Any]
) -> None:
    assert stage.ask(stage.connect("ann"), kind, channel="members", **fields)["type"] != "error"


def test_a_channel_may_be_read_by_those_who_may_not_write_there(stage: Stage) -> None:
    peer = stage.connect("ann")
    assert stage.ask(peer, "subscribe", channel="notices")["type"] == "subscribed"
    assert stage.ask(peer, "publish", channel="notices", data=1)["code"] == "forbidden"


# --- presence, unsubscribing, refreshing ------------------------------------------------------


def test_presence_names_each_user_once(stage: Stage) -> None:
    ann = stage.connect(User("ann", info={"name": "Ann"}))
    stage.connect("bob"), stage.connect("bob")
    assert stage.ask(ann, "presence", channel="lobby") == {
        "type": "presence",
        "channel": "lobby",
        "userCount": 2,
        "clientCount": 3,
        "users": [{"userId": "ann", "info": {"name": "Ann"}}, {"userId": "bob"}],
    }


def test_presence_above_the_announcement_limit_is_a_number(stage: Stage) -> None:
    peers = [stage.connect(f"u{n}") for n in range(5)]
    told = stage.ask(peers[0], "presence", channel="lobby")
    assert (told["userCount"], told["users"]) == (5, [])


def test_whoever_unsubscribes_hears_nothing_more_of_that_channel(stage: Stage) -> None:
    ann, bob = stage.connect("ann"), stage.connect("bob")
    stage.ask(ann, "subscribe", channel="room:1")
    stage.receive(bob, '{"type":"publish","channel":"room:1","data":1}')
    stage.receive(ann, '{"type":"unsubscribe","channel":"room:1","id":4}')
    stage.loop.settle()
    assert ann.take() == [{"type": "unsubscribed", "channel": "room:1", "id": 4}]


def test_what_was_never_subscribed_cannot_be_unsubscribed(stage: Stage) -> None:
    error = stage.ask(stage.connect(), "unsubscribe", channel="room:1")
    assert error["code"] == "not_subscribed"


def test_a_refreshed_token_says_until_when(stage: Stage) -> None:
    peer = stage.connect("ann")
    stage.tokens["newer"] = User("ann", expires_at=5000.7)
    answer = stage.ask(peer, "refresh", token="newer", id=1)
    assert answer == {"type": "refreshed", "id": 1, "expiresAt": 5000}
    assert peer.session.user.expires_at == 5000.7


@pytest.mark.parametrize("token", ["unknown", "bobs"])
def test_a_refused_refresh_changes_nothing(stage: Stage, token: str) -> None:
    """Catalogue 25."""
    peer = stage.connect("ann")
    stage.tokens["bobs"] = User("bob")
    error = stage.ask(peer, "refresh", token=token, id=1)
    assert (error["code"], error["id"], peer.closed) == ("forbidden", 1, None)
    assert peer.session.user == User("ann")


# --- counting ---------------------------------------------------------------------------------


def test_what_was_refused_is_counted_by_its_code(stage: Stage) -> None:
    peer = stage.connect()
    stage.send(peer, "subscribe", channel="vault")
    stage.receive(peer, "rubbish")
    assert stage.counters.rejected == {"forbidden": 1, "malformed": 1}


def test_the_time_from_arrival_to_the_tick_is_observed_for_each_publication(stage: Stage) -> None:
    peer = stage.connect()
    for number in range(3):
        stage.send(peer, "chat", text=str(number))
    assert sum(stage.counters.publish_latency.buckets) == 3


def test_the_lobby_stays_open_when_everyone_has_left(stage: Stage) -> None:
    peer = stage.connect("ann")
    stage.send(peer, "chat", text="1")
    place = Position("e1", 1, "t1")
    stage.leave(peer)
    connected = stage.connect("bob").answer()
    assert Position(connected["epoch"], connected["seq"], connected["tag"]) == place
