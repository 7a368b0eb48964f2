"""Who may do what, on every path: own channels, tokens, subscribers, and the application."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.applications import FakeApplication, ask, finish, turn
from tests.support.asynchronous import run
from tests.support.stages import Stage
from tidewire.channels.options import Access, Action, ChannelOptions
from tidewire.errors import CommandRefused
from tidewire.messages import Publication
from tidewire.security.user import User
from tidewire.websocket import close_codes

ASKED = ChannelOptions(may_subscribe="hook", may_publish="hook")
CHANNELS = (
    ("lobby", ChannelOptions()),
    ("asked:{name}", ASKED),
    ("user:{userId}", ChannelOptions(may_publish="nobody", subscribed_by_server=True)),
    ("inner", ChannelOptions(may_publish="subscribers", may_read_presence="subscribers")),
    ("secret", ChannelOptions(may_read_history="nobody")),
    ("paid:{name}", ChannelOptions(may_subscribe="token", may_publish="token")),
)
SINCE = {"epoch": "e", "seq": 1, "tag": "t"}
READS: list[tuple[str, dict[str, Any]]] = [
    ("subscribe", {}),
    ("subscribe", {"since": SINCE}),
    ("subscribe", {"rewind": 5}),
    ("history", {}),
    ("history", {"before": SINCE, "reverse": True}),
    ("presence", {}),
]
WRITES: list[tuple[str, dict[str, Any]]] = [("publish", {"data": 1}), ("chat", {"text": "x"})]


def _stage(application: FakeApplication | None = None) -> Stage:
    return Stage(channels=CHANNELS, application=application)


def _code(message: dict[str, Any]) -> str:
    return str(message.get("code", "fine"))


# --- one's own --------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "fields"), READS)
def test_a_users_own_channel_is_nobody_elses_by_any_path(kind: str, fields: dict[str, Any]) -> None:
    """Catalogue 74, 76 and 80: and it is refused in the words of one that does not exist."""
    stage = _stage()
    bob = stage.connect("bob")
    own = stage.ask(bob, kind, channel="user:ann", **fields)
    assert own == stage.ask(bob, kind, channel="nowhere", **fields)
    assert _code(stage.ask(bob, kind, channel="user:bob", **fields)) == "fine"


def test_a_channel_of_ones_own_reaches_every_client_of_the_user_and_no_other() -> None:
    """Catalogue 76: the name in the channel is the token's, in the grammar of names."""
    stage = _stage()
    devices = [stage.connect("ann ä") for _ in range(2)]
    other = stage.connect("ann")
    for peer in (*devices, other):
        peer.take()
    found = stage.node.find("user:ann=20=C3=A4")
    assert found is not None
    stage.node.publish(_entry("user:ann=20=C3=A4"), found.options, None)
    stage.loop.settle()
    assert [peer.answer()["data"] for peer in devices] == ["hello"] * 2
    assert other.messages == []


def _entry(channel: str) -> Publication:
    return Publication(channel, 0, "", 0, "", "", '"hello"')


# --- subscribers, and histories of their own --------------------------------------------------


@pytest.mark.parametrize(("kind", "fields"), [*WRITES, ("presence", {})])
def test_what_is_for_subscribers_ends_with_the_subscription(
    kind: str, fields: dict[str, Any]
) -> None:
    """Catalogue 73 and 74."""
    stage = _stage()
    peer = stage.connect()
    assert stage.ask(peer, kind, channel="inner", id=1, **fields)["code"] == "forbidden"
    stage.ask(peer, "subscribe", channel="inner")
    stage.send(peer, kind, channel="inner", id=2, **fields)
    assert "error" not in [each["type"] for each in peer.take()]
    stage.ask(peer, "unsubscribe", channel="inner")
    assert stage.ask(peer, kind, channel="inner", id=3, **fields)["code"] == "forbidden"


def test_who_may_not_read_history_does_not_get_it_by_subscribing() -> None:
    """Catalogue 74: a position with a tag proves that one was there, a bare number nothing."""
    stage = _stage()
    speaker, peer = stage.connect("bob"), stage.connect("ann")
    for number in range(3):
        published = stage.ask(speaker, "publish", channel="secret", data=number, id=number)
    assert stage.ask(peer, "history", channel="secret")["code"] == "forbidden"
    assert stage.ask(peer, "subscribe", channel="secret", rewind=3)["code"] == "forbidden"
    bare = {"epoch": published["epoch"], "seq": 0}
    answer = stage.ask(peer, "subscribe", channel="secret", since=bare)
    assert (answer["recovery"], answer["messages"]) == ("gap", [])
    seen = {"epoch": published["epoch"], "seq": 2, "tag": "t2"}
    stage.ask(peer, "unsubscribe", channel="secret")
    answer = stage.ask(peer, "subscribe", channel="secret", since=seen)
    assert (answer["recovery"], [each["data"] for each in answer["messages"]]) == ("complete", [2])


# --- tokens -----------------------------------------------------------------------------------


def _paid(*actions: str) -> User:
    return User("ann", capabilities=(("paid:{name}", frozenset(actions)),))


def test_a_token_opens_the_paths_it_names() -> None:
    """Catalogue 25 and 74."""
    stage = _stage()
    reader = stage.connect(_paid("subscribe"))
    assert stage.ask(reader, "subscribe", channel="paid:1")["type"] == "subscribed"
    assert stage.ask(reader, "publish", channel="paid:1", data=1)["code"] == "forbidden"
    writer = stage.connect(_paid("publish"))
    assert stage.ask(writer, "publish", channel="paid:1", data=1, id=1)["type"] == "published"
    assert stage.ask(writer, "history", channel="paid:1")["code"] == "forbidden"


def test_a_newer_token_that_allows_less_ends_what_it_does_not_allow() -> None:
    """Catalogue 75."""
    stage = _stage()
    peer = stage.connect(_paid("subscribe", "publish"))
    for channel in ("paid:1", "inner"):
        stage.ask(peer, "subscribe", channel=channel)
    stage.send(peer, "publish", channel="paid:1", data=1)
    stage.tokens["less"] = User("ann")
    peer.take()
    stage.send(peer, "refresh", token="less")
    refreshed, ended = peer.take()
    assert refreshed["type"] == "refreshed"
    assert ended == {"type": "unsubscribed", "channel": "paid:1", "code": "forbidden"}
    assert stage.ask(peer, "publish", channel="paid:1", data=1)["code"] == "forbidden"
    assert set(peer.session.subscriptions) == {"lobby", "user:ann", "inner"}


def test_a_token_subscribes_its_user_and_a_newer_one_to_what_it_says_instead() -> None:
    stage = _stage()
    peer = stage.connect(User("ann", subscriptions=("paid:1", "inner")))
    assert [each.get("channel") for each in peer.take()] == [
        "lobby", "user:ann", "paid:1", "inner",
    ]  # fmt: skip
    stage.tokens["other"] = User("ann", subscriptions=("paid:2",))
    stage.send(peer, "refresh", token="other")
    told = [(each["type"], each.get("channel")) for each in peer.take()]
    assert told == [
        ("refreshed", None),
        ("unsubscribed", "paid:1"),
        ("subscribed", "paid:2"),
    ]
    assert set(peer.session.subscriptions) == {"lobby", "user:ann", "inner", "paid:2"}


def test_a_token_that_names_no_channel_of_this_server_says_so_and_does_no_harm() -> None:
    stage = _stage()
    peer = stage.connect(User("ann", subscriptions=("nowhere", "inner")))
    *_, refused, subscribed = peer.take()
    assert (refused["code"], refused["channel"]) == ("forbidden", "nowhere")
    assert subscribed["channel"] == "inner"


# --- the application --------------------------------------------------------------------------

ACTIONS: list[tuple[Action, str, dict[str, Any]]] = [
    ("subscribe", "subscribe", {}),
    ("subscribe", "subscribe", {"since": SINCE}),
    ("publish", "publish", {"data": 1}),
    ("publish", "chat", {"text": "x"}),
    ("history", "history", {}),
    ("presence", "presence", {}),
]


@pytest.mark.parametrize(("action", "kind", "fields"), ACTIONS)
def test_where_the_application_is_to_say_it_is_asked_each_time(
    action: Action, kind: str, fields: dict[str, Any]
) -> None:
    """Catalogue 73 and 74: and it may change its mind."""

    async def ask_twice() -> None:
        application = FakeApplication(allowed=[f"{action} asked:1"])
        stage = _stage(application)
        peer = stage.connect()
        assert _code(await ask(stage, peer, kind, channel="asked:1", id=1, **fields)) == "fine"
        application.allowed.clear()
        refused = await ask(stage, peer, kind, channel="asked:1", id=2, **fields)
        assert (refused["code"], refused["id"]) == ("forbidden", 2)
        assert application.questions == [(action, "asked:1")] * 2

    run(ask_twice())


def test_a_server_without_an_application_allows_nothing_that_is_its_to_allow() -> None:
    async def ask_nobody() -> None:
        stage = _stage()
        assert _code(await ask(stage, stage.connect(), "subscribe", channel="asked:1")) == (
            "forbidden"
        )

    run(ask_nobody())


def test_the_clients_of_one_user_ask_once_at_the_same_time() -> None:
    """Catalogue 72."""

    async def crowd() -> None:
        application = FakeApplication(allowed=["subscribe asked:1"])
        application.is_open.clear()
        stage = _stage(application)
        peers = [stage.connect("ann") for _ in range(10)]
        other = stage.connect("bob")
        for peer in (*peers, other):
            stage.send(peer, "subscribe", channel="asked:1")
        for _ in range(5):
            await turn(stage, *peers, other)
        application.is_open.set()
        await finish(stage, *peers, other)
        assert len(application.questions) == 2
        assert all("asked:1" in peer.session.subscriptions for peer in peers)

    run(crowd())


def test_publications_that_wait_for_the_application_keep_their_order() -> None:
    async def publish() -> None:
        application = FakeApplication(allowed=["publish asked:1"])
        stage = _stage(application)
        peer = stage.connect()
        for number in range(3):
            assert await ask(stage, peer, "publish", channel="asked:1", data=number, id=number)
        application.allowed.add("history asked:1")
        history = await ask(stage, peer, "history", channel="asked:1")
        assert [each["data"] for each in history["messages"]] == [0, 1, 2]

    run(publish())


def test_a_failing_application_is_the_servers_fault_and_tells_nothing() -> None:
    async def fail() -> dict[str, Any]:
        application = FakeApplication()
        application.fails = RuntimeError("a secret")
        stage = _stage(application)
        return await ask(stage, stage.connect(), "subscribe", channel="asked:1", id=1)

    error = run(fail())
    assert (error["code"], error["message"], error["id"]) == ("internal", "internal error", 1)


def test_other_paths_ask_the_same_question() -> None:
    """Catalogue 74: what the HTTP side asks before it reads."""

    async def ask_for(access: Access) -> str:
        stage = Stage(channels=[("room", ChannelOptions(may_subscribe=access))])
        peer = stage.connect("ann")
        try:
            return (await stage.node.may(peer, "history", "room")).name
        except CommandRefused as refusal:
            return refusal.code

    assert [run(ask_for(access)) for access in ("anyone", "nobody", "hook", "token")] == [
        "room", "forbidden", "forbidden", "forbidden",
    ]  # fmt: skip


# --- resume grants ----------------------------------------------------------------------------


def test_what_the_application_allowed_it_is_not_asked_again_within_minutes() -> None:
    async def come_back() -> None:
        application = FakeApplication(allowed=["subscribe asked:1"])
        stage = _stage(application)
        first = await ask(stage, stage.connect("ann"), "subscribe", channel="asked:1")
        assert len(application.questions) == 1
        again = await ask(
            stage, stage.connect("ann"), "subscribe", channel="asked:1", grant=first["grant"]
        )
        assert (again["type"], again["grant"]) == ("subscribed", first["grant"])
        assert len(application.questions) == 1
        stage.clock.advance(300)
        await ask(stage, stage.connect("ann"), "subscribe", channel="asked:1", grant=first["grant"])
        assert len(application.questions) == 2

    run(come_back())


@pytest.mark.parametrize(("user", "channel"), [("bob", "asked:1"), ("ann", "asked:2")])
def test_a_grant_is_no_use_to_others_or_elsewhere(user: str, channel: str) -> None:
    """Catalogue 25."""

    async def try_it() -> None:
        application = FakeApplication(allowed=["subscribe asked:1"])
        stage = _stage(application)
        first = await ask(stage, stage.connect("ann"), "subscribe", channel="asked:1")
        application.allowed.clear()
        peer = stage.connect(user)
        answer = await ask(stage, peer, "subscribe", channel=channel, grant=first["grant"])
        assert answer["code"] == "forbidden"

    run(try_it())


def test_a_grant_does_not_open_what_is_closed_to_the_user_otherwise() -> None:
    """Catalogue 74: the channel's own rule comes first."""
    stage = _stage()
    grant = stage.node.grants.for_subscription(User("bob"), "user:ann", stage.clock.time())
    answer = stage.ask(stage.connect("bob"), "subscribe", channel="user:ann", grant=grant)
    assert answer["code"] == "forbidden"


def test_who_was_vouched_for_by_the_application_is_given_a_grant_for_its_next_connection() -> None:
    stage = _stage()
    vouched = User("ann", vouched_at=stage.clock.time())
    grant = stage.connect(vouched).take()[0]["grant"]
    assert stage.node.grants.user_of(grant, stage.clock.time()) == vouched
    assert "grant" not in stage.connect(User("ann")).take()[0]


def test_who_has_to_leave_is_given_fresh_grants_for_everything_the_application_allowed() -> None:
    """Catalogue 72: a restart is when all come back at once, however long they have been here."""

    async def drain() -> None:
        application = FakeApplication(allowed=["subscribe asked:1"])
        stage = _stage(application)
        peer = stage.connect(User("ann", vouched_at=stage.clock.time()))
        for channel in ("asked:1", "inner"):
            await ask(stage, peer, "subscribe", channel=channel)
        stage.clock.advance(3600)
        peer.take()
        stage.node.announce_drain([peer], 2.5)
        told, now = peer.answer(), stage.clock.time()
        again = stage.node.grants.user_of(told["grant"], now + 299)
        assert again == User("ann", vouched_at=now)
        assert list(told["grants"]) == ["asked:1"]
        assert stage.node.grants.opens(told["grants"]["asked:1"], again, "asked:1", now + 299)

    run(drain())


def test_a_newer_token_leaves_the_lobby_as_it_is() -> None:
    stage = Stage(channels=[("lobby", ChannelOptions(may_subscribe="token"))])
    peer = stage.connect("ann")
    stage.tokens["newer"] = User("ann")
    assert stage.ask(peer, "refresh", token="newer")["type"] == "refreshed"
    assert set(peer.session.subscriptions) == {"lobby"}


def test_a_client_may_be_closed_with_a_reason_of_ones_own() -> None:
    stage = _stage()
    peer = stage.connect()
    stage.node.disconnect(peer, close_codes.FORBIDDEN, "the room was closed")
    assert (peer.closed, peer.close_reason) == (close_codes.FORBIDDEN, "the room was closed")
