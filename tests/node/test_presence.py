"""Who is in a channel: users and clients, what these have set, and leaves that wait."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.peers import FakePeer
from tests.support.stages import Stage
from tidewire.channels.options import ChannelOptions
from tidewire.node import announcer
from tidewire.node.presence import MAX_STATE_BYTES
from tidewire.security.rates import Rate
from tidewire.security.user import User
from tidewire.session import SessionLimits

GRACE_S = 5.0
CHANNELS = (
    ("lobby", ChannelOptions(presence=False)),
    ("room:{name}", ChannelOptions()),
    ("patient", ChannelOptions(leave_after_s=GRACE_S)),
    ("crowded", ChannelOptions(announce_up_to=1)),
    ("crowded:patient", ChannelOptions(announce_up_to=1, leave_after_s=GRACE_S)),
    ("notices", ChannelOptions(may_publish="nobody")),
    ("inside", ChannelOptions(may_read_presence="subscribers")),
)
ROOM = "room:1"


@pytest.fixture
def stage() -> Stage:
    """A lobby that nobody is told about, so that what is said is said in the other channels."""
    return Stage(channels=CHANNELS)


def _enter(stage: Stage, user: str | User = "ann", channel: str = ROOM) -> FakePeer:
    peer = stage.connect(user)
    stage.send(peer, "subscribe", channel=channel)
    peer.take()
    return peer


def _news(peer: FakePeer) -> list[tuple[str, Any]]:
    """What it was told about who is here, and what they have set."""
    about = {"user_joined": "userId", "user_left": "userId", "state": "data",
             "occupancy": "userCount"}  # fmt: skip
    return [
        (each["type"], each[about[each["type"]]]) for each in peer.take() if each["type"] in about
    ]


def _present(stage: Stage, peer: FakePeer, channel: str = ROOM) -> dict[str, Any]:
    return stage.ask(peer, "presence", channel=channel)


def _names(stage: Stage, peer: FakePeer, channel: str) -> list[str]:
    return [each["userId"] for each in _present(stage, peer, channel)["users"]]


# --- who is here ------------------------------------------------------------------------------


def test_users_are_counted_once_and_clients_each(stage: Stage) -> None:
    who = User("ann", info={"name": "Ann"})
    ann = _enter(stage, who)
    _enter(stage, who), _enter(stage, "bob")
    told = _present(stage, ann)
    assert (told["userCount"], told["clientCount"]) == (2, 3)
    assert told["users"] == [{"userId": "ann", "info": {"name": "Ann"}}, {"userId": "bob"}]


def test_where_presence_is_off_nothing_is_kept_told_or_answered(stage: Stage) -> None:
    ann = stage.connect()
    stage.connect("bob")
    assert _news(ann) == []
    assert _present(stage, ann, "lobby")["code"] == "forbidden"
    refused = stage.ask(ann, "state", channel="lobby", data="away")
    assert refused["code"] == "forbidden"


def test_who_may_not_know_is_not_told(stage: Stage) -> None:
    """Catalogue 76."""
    _enter(stage, "ann", "inside")
    bob = stage.connect("bob")
    assert _present(stage, bob, "inside")["code"] == "forbidden"
    stage.send(bob, "subscribe", channel="inside")
    assert _present(stage, bob, "inside")["userCount"] == 2


def test_a_newer_token_says_what_is_said_of_its_user(stage: Stage) -> None:
    ann = _enter(stage, User("ann", info={"name": "Ann"}))
    stage.tokens["newer"] = User("ann", info={"name": "Anna"})
    stage.ask(ann, "refresh", token="newer")
    assert _present(stage, ann)["users"] == [{"userId": "ann", "info": {"name": "Anna"}}]


# --- what clients have set --------------------------------------------------------------------


def test_a_state_is_told_to_the_others_and_found_by_who_asks(stage: Stage) -> None:
    ann, bob = _enter(stage), _enter(stage, "bob")
    ann.take()
    stage.send(ann, "state", channel=ROOM, data={"colour": "red"})
    assert (_news(ann), _news(bob)) == ([], [("state", {"colour": "red"})])
    client_id = ann.session.client_id
    assert _present(stage, bob)["users"][0]["clients"] == {client_id: {"colour": "red"}}


def test_of_states_set_in_one_turn_the_last_is_told(stage: Stage) -> None:
    ann, bob = _enter(stage), _enter(stage, "bob")
    for number in range(3):
        stage.receive(ann, f'{{"type":"state","channel":"{ROOM}","data":{number}}}')
    stage.loop.settle()
    assert _news(bob) == [("state", 2)]


def test_null_takes_a_state_back(stage: Stage) -> None:
    ann, bob = _enter(stage), _enter(stage, "bob")
    stage.send(ann, "state", channel=ROOM, data="away")
    stage.send(ann, "state", channel=ROOM, id=1)
    assert _news(bob) == [("state", "away"), ("state", None)]
    assert _present(stage, bob)["users"] == [{"userId": "ann"}, {"userId": "bob"}]


def test_the_state_of_a_tab_that_is_closed_does_not_stay_behind(stage: Stage) -> None:
    tab, _, bob = _enter(stage), _enter(stage), _enter(stage, "bob")
    stage.send(tab, "state", channel=ROOM, data="away")
    stage.leave(tab)
    assert _news(bob) == [("state", "away"), ("state", None)]
    assert _present(stage, bob)["users"] == [{"userId": "ann"}, {"userId": "bob"}]


def test_a_user_who_leaves_at_once_leaves_no_state_behind(stage: Stage) -> None:
    ann, bob = _enter(stage), _enter(stage, "bob")
    stage.receive(ann, f'{{"type":"state","channel":"{ROOM}","data":1}}')
    stage.leave(ann)
    assert _news(bob) == [("user_left", "ann")]


def test_a_state_is_bounded(stage: Stage) -> None:
    ann = _enter(stage)
    fits = stage.ask(ann, "state", channel=ROOM, data="x" * (MAX_STATE_BYTES - 2), id=1)
    assert fits["type"] == "result"
    refused = stage.ask(ann, "state", channel=ROOM, data="x" * (MAX_STATE_BYTES - 1))
    assert refused["code"] == "too_large"


def test_who_may_not_publish_or_is_not_there_sets_no_state(stage: Stage) -> None:
    ann = _enter(stage, channel="notices")
    assert stage.ask(ann, "state", channel="notices", data=1)["code"] == "forbidden"
    assert stage.ask(ann, "state", channel=ROOM, data=1)["code"] == "not_subscribed"


def test_states_count_as_publications() -> None:
    limits = SessionLimits(publications=Rate(1, 2), frames=Rate(1000, 1000))
    stage = Stage(channels=CHANNELS, limits=limits)
    ann = _enter(stage)
    answers = [stage.ask(ann, "state", channel=ROOM, data=n, id=n) for n in range(3)]
    assert [each["type"] for each in answers] == ["result", "result", "error"]


def test_in_a_large_room_states_are_neither_told_nor_listed(stage: Stage) -> None:
    ann, bob = _enter(stage, "ann", "crowded"), _enter(stage, "bob", "crowded")
    bob.take()
    stage.send(ann, "state", channel="crowded", data="away")
    assert _news(bob) == []
    assert _present(stage, bob, "crowded")["users"] == []


# --- leaves that wait -------------------------------------------------------------------------


def test_a_reload_is_neither_a_leave_nor_a_join(stage: Stage) -> None:
    watcher, tab = _enter(stage, "bob", "patient"), _enter(stage, "ann", "patient")
    watcher.take()
    stage.leave(tab)
    stage.loop.pass_time(GRACE_S * 0.9)
    _enter(stage, "ann", "patient")
    stage.loop.pass_time(GRACE_S * 10)
    assert _news(watcher) == []
    assert _names(stage, watcher, "patient") == ["bob", "ann"]


def test_one_who_does_not_come_back_has_left_when_the_time_is_over(stage: Stage) -> None:
    watcher, tab = _enter(stage, "bob", "patient"), _enter(stage, "ann", "patient")
    watcher.take()
    stage.leave(tab)
    stage.loop.pass_time(GRACE_S * 0.9)
    assert _names(stage, watcher, "patient") == ["bob", "ann"]
    assert _news(watcher) == []
    stage.loop.pass_time(GRACE_S * 0.2)
    assert _news(watcher) == [("user_left", "ann")]
    assert _names(stage, watcher, "patient") == ["bob"]


def test_who_comes_back_and_goes_again_has_its_time_again(stage: Stage) -> None:
    watcher, tab = _enter(stage, "bob", "patient"), _enter(stage, "ann", "patient")
    stage.leave(tab)
    stage.loop.pass_time(GRACE_S * 0.9)
    stage.leave(_enter(stage, "ann", "patient"))
    watcher.take()
    stage.loop.pass_time(GRACE_S * 0.9)
    assert _news(watcher) == []
    stage.loop.pass_time(GRACE_S * 0.2)
    assert _news(watcher) == [("user_left", "ann")]


def test_a_reload_takes_the_old_pages_state_back_and_nothing_else(stage: Stage) -> None:
    watcher, tab = _enter(stage, "bob", "patient"), _enter(stage, "ann", "patient")
    stage.send(tab, "state", channel="patient", data="away")
    watcher.take()
    stage.leave(tab)
    assert _news(watcher) == [("state", None)]


def test_a_wait_ends_with_the_room_it_was_for(stage: Stage) -> None:
    stage.leave(_enter(stage, "ann", "patient"))
    watcher = _enter(stage, "bob", "patient")
    assert _names(stage, watcher, "patient") == ["bob"]
    stage.loop.pass_time(GRACE_S * 2)
    assert _news(watcher) == []


def test_of_a_crowd_that_goes_at_once_only_so_many_may_wait(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcer, "MAX_LEAVING", 2)
    watcher = _enter(stage, "zoe", "patient")
    crowd = [_enter(stage, f"u{number}", "patient") for number in range(3)]
    watcher.take()
    for peer in crowd:
        stage.leave(peer)
    assert _news(watcher) == [("user_left", "u2")]
    stage.loop.pass_time(GRACE_S)
    assert _news(watcher) == [("user_left", "u0"), ("user_left", "u1")]


def test_in_a_large_room_a_reload_changes_no_count(stage: Stage) -> None:
    channel = "crowded:patient"
    watcher, tab, _ = (_enter(stage, user, channel) for user in ("ann", "bob", "cyd"))
    stage.loop.pass_time(GRACE_S)
    watcher.take()
    stage.leave(tab)
    _enter(stage, "bob", channel)
    stage.loop.pass_time(GRACE_S * 2)
    assert _news(watcher) == []


# --- nobody stays who has gone ----------------------------------------------------------------


def test_unsubscribing_by_whomever_is_leaving(stage: Stage) -> None:
    watcher = _enter(stage, "zoe")
    ann, bob = _enter(stage), _enter(stage, "bob")
    watcher.take()
    stage.send(ann, "unsubscribe", channel=ROOM)
    stage.node.unsubscribe(bob, ROOM)
    stage.loop.settle()
    assert _news(watcher) == [("user_left", "ann"), ("user_left", "bob")]
    assert _names(stage, watcher, ROOM) == ["zoe"]


def test_a_user_with_one_tab_left_is_still_here(stage: Stage) -> None:
    watcher, tab, other = _enter(stage, "zoe"), _enter(stage), _enter(stage)
    watcher.take()
    stage.leave(tab)
    assert _news(watcher) == []
    stage.leave(other)
    assert _news(watcher) == [("user_left", "ann")]


def test_while_a_node_drains_those_still_here_are_told_who_has_gone(stage: Stage) -> None:
    """Catalogue 91."""
    peers = [_enter(stage, f"u{number}") for number in range(4)]
    stage.node.announce_drain(peers, 1.0)
    for peer in peers[:3]:
        stage.leave(peer, 1012)
    last = peers[3]
    assert _news(last) == [("user_left", f"u{number}") for number in range(3)]
    assert _names(stage, last, ROOM) == ["u3"]
