"""Publishing from the application's own code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.support.asynchronous import run
from tests.support.stages import Stage
from tidewire.app import App, Client, Message
from tidewire.engines import memory
from tidewire.errors import CommandRefused, EngineUnavailable, TidewireError
from tidewire.history.log import Query, Replay
from tidewire.messages import Position, Publication
from tidewire.testing.blocking import running


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def app(stage: Stage) -> App:
    app = App()
    app.attach(stage.node)
    return app


def _published(stage: Stage, *publishing: Coroutine[Any, Any, Position]) -> list[Position]:
    """Start all of them, turn the stage's loop once they wait, and answer what they answer."""

    async def publish() -> list[Position]:
        tasks = [asyncio.create_task(each) for each in publishing]
        await asyncio.sleep(0)
        stage.loop.settle()
        return list(await asyncio.gather(*tasks))

    return run(publish())


def test_a_publication_of_the_application_reaches_subscribers_and_answers_its_position(
    stage: Stage, app: App
) -> None:
    peer = stage.connect()
    stage.ask(peer, "subscribe", channel="room:1")
    (place,) = _published(stage, app.publish("room:1", {"n": [1, None]}, key="k", user_id="bot"))
    message = peer.answer()
    assert (message["data"], message["key"], message["from"]) == ({"n": [1, None]}, "k", "bot")
    assert (message["seq"], message["tag"]) == (place.seq, place.tag)


def test_a_publication_without_a_user_is_from_nobody(stage: Stage, app: App) -> None:
    peer = stage.connect()
    peer.take()
    _published(stage, app.publish("lobby", 1))
    assert "from" not in peer.answer()


def test_publications_of_one_turn_keep_their_order_and_a_once_key_publishes_once(
    stage: Stage, app: App
) -> None:
    publish: Callable[..., Coroutine[Any, Any, Position]] = app.publish
    places = _published(stage, *(publish("lobby", n, once=str(n // 2)) for n in range(4)))
    assert [each.seq for each in places] == [1, 1, 2, 2]


def test_the_application_is_under_no_clients_limits(stage: Stage, app: App) -> None:
    """``vault`` is closed to every client."""
    places = _published(stage, *(app.publish("vault", n) for n in range(2000)))
    assert places[-1].seq == 2000


def test_a_channel_that_is_not_configured_or_no_name_is_refused(app: App) -> None:
    for channel, code in (("nowhere", "forbidden"), ("no name", "malformed")):
        with pytest.raises(CommandRefused) as refusal:
            run(app.publish(channel, 1))
        assert refusal.value.code == code


@pytest.mark.parametrize("field", ["user_id", "once", "key"])
def test_a_text_that_no_client_could_read_is_refused_before_it_is_published(
    stage: Stage, app: App, field: str
) -> None:
    """Catalogue 53: in the log, it would break every delivery it is part of."""
    publish: Callable[..., Coroutine[Any, Any, Position]] = app.publish
    with pytest.raises(ValueError, match=field):
        _published(stage, publish("lobby", 1, **{field: "\ud800"}))
    assert stage.engine.figures().entries == 0


def _nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_nested(600), id="nested"),
        pytest.param(_nested(5_000), id="nested beyond json"),
        pytest.param(10**400, id="no double"),
    ],
)
def test_data_that_some_reader_could_not_read_is_refused_before_it_is_published(
    app: App, data: object
) -> None:
    """Published, it once failed everybody's batch, and every page of history it was on."""
    for say in (app.publish_soon, lambda to, data: app.signal(to, "typing", data)):
        with pytest.raises(ValueError, match="nested too deeply"):
            say("room:1", data)


def test_data_of_four_hundred_levels_is_published(stage: Stage, app: App) -> None:
    assert _published(stage, app.publish("room:1", _nested(400)))


def test_where_too_much_is_in_flight_the_application_is_told(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MAX_IN_FLIGHT", 0)
    with pytest.raises(EngineUnavailable):
        run(app.publish("lobby", 1))


def test_what_is_in_flight_when_the_server_stops_has_an_unknown_outcome(
    stage: Stage, app: App
) -> None:
    async def stop_first() -> None:
        publishing = asyncio.create_task(app.publish("lobby", 1))
        await asyncio.sleep(0)
        await stage.node.stop()
        with pytest.raises(EngineUnavailable, match="unknown"):
            await publishing

    run(stop_first())


def test_whoever_gives_up_waiting_harms_nobody(stage: Stage, app: App) -> None:
    async def give_up() -> None:
        publishing = asyncio.create_task(app.publish("lobby", 1))
        await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.sleep(0)
        stage.loop.settle()

    run(give_up())
    assert stage.engine.figures().entries == 1


def test_publishing_before_the_server_runs_says_what_to_do() -> None:
    with pytest.raises(TidewireError, match="not running yet"):
        run(App().publish("lobby", 1))


def test_a_message_goes_out_under_its_own_type(stage: Stage, app: App) -> None:
    peer = stage.connect()
    peer.take()
    _published(stage, app.publish("lobby", Move(3, id=1)))
    message = peer.answer()
    assert (message["type"], message["x"]) == ("move", 3)
    assert "id" not in message


def test_what_may_be_said_of_a_publication_is_kept_with_it(stage: Stage, app: App) -> None:
    _published(stage, app.publish("lobby", 1, key="k", op="remove", ttl=60, ref=7, tags={"a": "b"}))

    async def look() -> Publication:
        page = await stage.node.history("lobby", Query())
        assert isinstance(page.found, Replay)
        return page.found.entries[0]

    entry = run(look())
    assert (entry.key, entry.op, entry.ref, entry.tags) == ("k", "remove", 7, {"a": "b"})
    assert entry.expires_at == (stage.clock.time() + 60) * 1000


def test_whoever_is_excluded_is_told_so_and_the_others_are_told_it() -> None:
    app = App()

    @app.on(Move)
    async def move(client: Client, move: Move) -> None:
        await app.publish("lobby", move, exclude=client)

    with running(app) as server:
        ann, ben = server.connect("ann"), server.connect("ben")
        ben.expect("connected")
        ann.request({"type": "move", "x": 3})
        assert ben.expect("move")["x"] == 3
        assert ann.expect("skipped", channel="lobby")["reason"] == "excluded"


def test_any_thread_publishes_in_one_line_and_may_wait_for_the_receipt() -> None:
    app = App()
    with running(app) as server:
        ann = server.connect("ann")
        pending = [app.publish_soon("lobby", number) for number in range(100)]
        assert [each.wait(60).seq for each in pending] == list(range(1, 101))
        assert all(each.is_done for each in pending)
        assert [ann.expect("message")["data"] for _ in range(100)] == list(range(100))


def test_waiting_in_the_servers_own_loop_is_refused_before_anything_is_done() -> None:
    app = App()

    async def wait() -> None:
        with pytest.raises(TidewireError, match="await it"):
            app.wait(app.publish("lobby", 1))

    with running(app) as server:
        server.do(wait())
        assert server.do(app.history("lobby")).entries == []


def test_another_event_loop_publishes_as_ours_does() -> None:
    app = App()
    with running(app):
        position = run(app.publish("lobby", 1))
        assert app.wait(app.history("lobby"), 60).head == position


def test_what_a_thread_could_not_publish_is_logged_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App()
    with running(app):
        pending = app.publish_soon("nowhere", 1)
        with pytest.raises(CommandRefused):
            pending.wait(60)
    assert "not published" in caplog.text


def test_a_user_is_reached_on_every_device() -> None:
    app = App()
    app.channel("user:{userId}", subscribed_by_server=True, publish="nobody")
    with running(app) as server:
        phone, laptop, other = server.connect("ann b"), server.connect("ann b"), server.connect("c")
        for client in (phone, laptop, other):
            client.expect("subscribed")
        server.do(app.publish_to_user("ann b", "hello"))
        assert phone.expect("message")["data"] == "hello"
        assert laptop.expect("message")["channel"] == "user:ann=20b"
        server.do(app.publish_to_user("c", "bye"))
        assert other.expect("message")["data"] == "bye"


class Move(Message, type="move"):
    x: int
