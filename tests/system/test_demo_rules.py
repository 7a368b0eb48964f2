"""The rules of the demo's page, asked directly: when to come back, and what goes where.

The modules are the page's own, loaded from the server by the browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from playwright.sync_api import Page

from tests.support.browser import Tab, chromium, open_page
from tests.support.processes import ServerProcess
from tidewire.websocket.close_codes import TABLE, ComeBack

Ask: TypeAlias = Callable[[str], Any]

ROOM = """const { Room } = await import("/static/room.js");
    const room = new Room();
    const at = (seq) => ({ epoch: "e", seq, tag: `t${seq}` });
    const chat = (seq) =>
        ({ type: "chat", from: "ada", text: `no. ${seq}`, timestamp: 0, seq, tag: `t${seq}` });
    const shown = () => room.entries.map((it) => it.message?.text ?? it.text);
    room.join({ userId: "me" });"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with ServerProcess(command="demo") as server, chromium() as browser:
        opened = open_page(browser)
        Tab(opened, server.port, "Ada")
        yield opened


@pytest.fixture
def ask(page: Page) -> Ask:
    """Run JavaScript in the page and return what it returns."""
    return lambda script: page.evaluate(f"async () => {{ {script} }}")


# --- when to come back --------------------------------------------------------------------------


def after_close(ask: Ask, code: int, *, attempt: int = 0, window_s: str = "null") -> Any:
    return ask(
        f"""const {{ afterClose }} = await import("/static/retry.js");
        const circumstances = {{ attempt: {attempt}, windowS: {window_s}, random: () => 0.5 }};
        return afterClose({{ code: {code}, reason: "because" }}, circumstances);"""
    )


@pytest.mark.parametrize("code", sorted(TABLE))
def test_the_page_obeys_the_table_of_close_codes(ask: Ask, code: int) -> None:
    stops = TABLE[code].come_back in {ComeBack.NEVER, ComeBack.WITH_NEW_TOKEN}
    assert after_close(ask, code)["kind"] == ("stop" if stops else "retry")


def test_a_page_that_stops_says_why(ask: Ask) -> None:
    assert "because" in after_close(ask, 4003)["reason"]


def test_an_announced_window_is_used_in_full(ask: Ask) -> None:
    assert after_close(ask, 1012, window_s="30")["delayMs"] == 15_000


def test_an_isolated_drop_is_over_within_half_a_second(ask: Ask) -> None:
    assert after_close(ask, 1006)["delayMs"] == 250


def test_retries_back_off_up_to_twenty_five_seconds_with_jitter_after_the_cap(ask: Ask) -> None:
    delays = [after_close(ask, 1006, attempt=attempt)["delayMs"] for attempt in range(4)]
    assert delays == [250, 2_000, 12_500, 12_500]


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (403, '{"code":"forbidden"}', "stop"),
        (401, '{"code":"unauthorized"}', "stop"),
        (429, '{"code":"limit","retryAfter":7}', 7000),
        (503, '{"code":"unavailable"}', None),
        (426, '{"code":"upgrade_required"}', None),
        (502, "null", None),
    ],
)
def test_a_refusals_reason_decides_whether_to_come_back(
    ask: Ask, status: int, body: str, verdict: object
) -> None:
    answer = ask(
        f"""const {{ afterRefusal }} = await import("/static/retry.js");
        const verdict = afterRefusal({status}, {body});
        return verdict && (verdict.delayMs ?? verdict.kind);"""
    )
    assert answer == verdict


# --- what goes where ----------------------------------------------------------------------------


def test_a_message_that_comes_twice_is_shown_once(ask: Ask) -> None:
    assert ask(
        f"""{ROOM}
        room.catchUp(at(2), [chat(1), chat(2)]);
        room.receive(chat(2));
        room.receive(chat(3));
        return shown();"""
    ) == ["no. 1", "no. 2", "no. 3"]


def test_what_comes_live_before_the_past_is_known_is_shown_after_it(ask: Ask) -> None:
    assert ask(
        f"""{ROOM}
        room.receive(chat(3));
        room.catchUp(at(2), [chat(1), chat(2)]);
        return [...shown(), room.position.tag];"""
    ) == ["no. 1", "no. 2", "no. 3", "t3"]


def test_a_hole_in_the_numbers_is_noticed_and_what_follows_it_waits(ask: Ask) -> None:
    assert ask(
        f"""{ROOM}
        room.catchUp(at(1), [chat(1)]);
        const isWhole = room.receive(chat(3));
        const before = shown();
        room.catchUp(at(3), [chat(2), chat(3)]);
        return [isWhole, before, shown()];"""
    ) == [False, ["no. 1"], ["no. 1", "no. 2", "no. 3"]]


def test_a_log_that_started_again_comes_after_the_old_one(ask: Ask) -> None:
    assert ask(
        f"""{ROOM}
        room.catchUp(at(2), [chat(1), chat(2)]);
        room.join({{ userId: "me again" }});
        room.note("lost");
        room.breakOff();
        room.catchUp(at(1), [chat(1)]);
        return shown();"""
    ) == ["no. 1", "no. 2", "lost", "no. 1"]


def test_other_kinds_of_publication_move_the_position_unseen(ask: Ask) -> None:
    assert ask(
        f"""{ROOM}
        room.catchUp(at(1), [chat(1)]);
        room.receive({{ ...chat(2), type: "message" }});
        return [shown(), room.receive(chat(3)), room.position.seq];"""
    ) == [["no. 1"], True, 3]


def test_above_the_announcement_limit_people_are_a_number(ask: Ask) -> None:
    assert ask(
        f"""{ROOM}
        room.present(2, [{{ userId: "a", info: {{ name: "Ada" }} }}, {{ userId: "b" }}]);
        const few = [room.crowd, room.members.map((it) => it.name)];
        room.counted(1234);
        return [few, room.crowd, room.isCountOnly];"""
    ) == [[2, ["Ada", "b"]], 1234, True]


def test_a_page_left_open_for_weeks_keeps_five_hundred_lines(ask: Ask) -> None:
    assert ask(
        f"""{ROOM}
        room.catchUp(at(0), []);
        for (let seq = 1; seq <= 600; seq += 1) room.receive(chat(seq));
        return [shown().length, shown()[0]];"""
    ) == [500, "no. 101"]
