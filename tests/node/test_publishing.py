"""Publishing under a channel's own rules: its rate, its schema, its review, its echo."""

from __future__ import annotations

from typing import Any

from tests.support.applications import FakeApplication, ask
from tests.support.asynchronous import run
from tests.support.stages import Stage
from tidewire.channels.options import ChannelOptions
from tidewire.security.rates import Rate


def _positive(data: str) -> None:
    if data.startswith("-"):
        raise ValueError("a number above zero")


CHANNELS = (
    ("lobby", ChannelOptions()),
    ("room:{name}", ChannelOptions()),
    ("slow:{name}", ChannelOptions(publish_rate=Rate(1, 1))),
    ("checked", ChannelOptions(check=_positive)),
    ("quiet", ChannelOptions(echo=False)),
    ("guarded", ChannelOptions(may_publish="hook", check=_positive)),
)


def _stage(application: FakeApplication | None = None) -> Stage:
    return Stage(channels=CHANNELS, application=application)


def test_a_channel_has_a_rate_for_each_client_and_other_channels_theirs() -> None:
    """Catalogue 66."""
    stage = _stage()
    peer, other = stage.connect("ann"), stage.connect("bob")

    def publish(who: Any, channel: str) -> str:
        return str(stage.ask(who, "publish", channel=channel, data=1, id=1)["type"])

    assert [publish(peer, "slow:1") for _ in range(2)] == ["published", "error"]
    assert publish(other, "slow:1") == publish(peer, "slow:2") == "published"
    stage.clock.advance(1)
    assert publish(peer, "slow:1") == "published"


def test_what_does_not_fit_the_channels_schema_is_refused_with_the_reason() -> None:
    stage = _stage()
    peer = stage.connect()
    error = stage.ask(peer, "publish", channel="checked", data=-1, id=1)
    assert (error["code"], error["message"], error["id"]) == (
        "malformed", "a number above zero", 1,
    )  # fmt: skip
    assert stage.ask(peer, "publish", channel="checked", data=1, id=2)["type"] == "published"
    assert peer.command is None


def test_a_publisher_may_be_spared_its_own() -> None:
    stage = _stage()
    peer, other = stage.connect("ann"), stage.connect("bob")
    for each in (peer, other):
        stage.ask(each, "subscribe", channel="quiet")
    stage.ask(peer, "publish", channel="quiet", data=1)
    assert other.take()[-1]["data"] == 1
    history = stage.ask(peer, "history", channel="quiet")
    assert [each["data"] for each in history["messages"]] == [1]


def test_a_review_may_change_what_is_published() -> None:
    async def publish() -> list[Any]:
        application = FakeApplication()
        application.reviewed = {"room:1"}
        stage = _stage(application)
        peer = stage.connect()
        await ask(stage, peer, "publish", channel="room:1", data=1, id=1)
        stage.send(peer, "publish", channel="room:2", data=2)
        history = [await ask(stage, peer, "history", channel=name) for name in ("room:1", "room:2")]
        return [each["messages"][0]["data"] for each in history]

    assert run(publish()) == [{"reviewed": 1}, 2]


def test_what_is_refused_by_its_form_is_not_taken_to_the_application() -> None:
    async def publish() -> None:
        application = FakeApplication(allowed=["publish guarded"])
        stage = _stage(application)
        peer = stage.connect()
        assert (await ask(stage, peer, "publish", channel="guarded", data=-1))["code"] == (
            "malformed"
        )
        assert application.questions == []
        answer = await ask(stage, peer, "publish", channel="guarded", data=1, id=1)
        assert answer["type"] == "published"

    run(publish())


def test_a_keys_end_is_told_with_its_entry() -> None:
    stage = _stage()
    peer = stage.connect()
    stage.ask(peer, "subscribe", channel="room:1")
    stage.send(peer, "publish", channel="room:1", data=1, key="k", ttl=1.5)
    stage.send(peer, "publish", channel="room:1", key="k", op="remove")
    ends, removed = peer.take()[-2:]
    assert ends["expiresAt"] == int((stage.clock.time() + 1.5) * 1000)
    assert (removed["op"], removed["data"]) == ("remove", None)
