"""The demo's page for everyone: by keyboard, on a phone, in the dark, read aloud, at rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import Tab, chromium, open_page
from tests.support.page_checks import controls_too_small, controls_without_a_name, faint_texts
from tests.support.processes import ServerProcess

SCROLL_UP = """() => new Promise((done) => {
    const log = document.querySelector("#log");
    log.addEventListener("scroll", () => done(), { once: true });
    log.scrollTop = 0;
})"""
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(command="demo") as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = open_page(browser)
    yield opened
    opened.context.close()


def tab_that_has_spoken(page: Page, server: ServerProcess) -> Tab:
    tab = Tab(page, server.port, "Ada")
    tab.say("The tide comes in at six.")
    return tab


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def wait_for_focus(page: Page, wanted: str) -> None:
    page.wait_for_function("(wanted) => document.activeElement.id === wanted", arg=wanted)


def test_a_person_with_a_keyboard_enters_writes_and_finds_the_rest(
    page: Page, server: ServerProcess
) -> None:
    tab = Tab(page, server.port)
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    tab.wait_for_state("Connected")
    wait_for_focus(page, "text")
    page.keyboard.type("first line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")
    tab.wait_for_message("first line\nsecond line")
    wait_for_focus(page, "text")


def test_every_control_is_reached_with_tab_in_the_order_it_is_read(
    page: Page, server: ServerProcess
) -> None:
    Tab(page, server.port, "Ada")
    order = []
    for _ in range(6):
        page.keyboard.press("Tab")
        order.append(focused(page) or page.evaluate("document.activeElement.className"))
    assert order == ["skip", "rename", "log", "text", "send", "second-tab"]


def test_the_first_tab_stop_leads_past_everything_to_the_message(
    page: Page, server: ServerProcess
) -> None:
    Tab(page, server.port, "Ada")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for_focus(page, "text")


def test_escape_leaves_the_name_as_it_is(page: Page, server: ServerProcess) -> None:
    tab = tab_that_has_spoken(page, server)
    page.click("#rename")
    page.keyboard.type("Somebody else")
    page.keyboard.press("Escape")
    wait_for_focus(page, "text")
    assert (tab.state, page.text_content("#own-name")) == ("Connected", "Ada")


def test_escape_at_the_first_question_lets_a_guest_in(page: Page, server: ServerProcess) -> None:
    tab = Tab(page, server.port)
    page.keyboard.press("Escape")
    tab.wait_for_state("Connected")
    assert str(page.text_content("#own-name")).startswith("guest-")


def test_new_messages_and_the_state_are_read_aloud_and_the_countdown_is_not(
    page: Page, server: ServerProcess
) -> None:
    tab_that_has_spoken(page, server)
    log = page.get_by_role("log", name="Messages")
    assert log.get_attribute("aria-live") == "polite"
    assert "The tide comes in at six." in str(log.text_content())
    assert page.get_by_role("status").inner_text() == "Connected"
    assert page.locator("#trouble").evaluate("it => it.closest('[aria-live], [role]')") is None


def test_every_control_has_a_name(page: Page, server: ServerProcess) -> None:
    tab_that_has_spoken(page, server)
    assert controls_without_a_name(page) == []
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(
    browser: Browser, server: ServerProcess, scheme: Literal["light", "dark"]
) -> None:
    page = open_page(browser, color_scheme=scheme)
    tab_that_has_spoken(page, server)
    assert faint_texts(page) == []
    page.context.close()


def test_a_phone_in_the_dark_shows_it_all_without_scrolling_sideways(
    browser: Browser, server: ServerProcess, tmp_path: Path
) -> None:
    page = open_page(browser, viewport=PHONE, color_scheme="dark", has_touch=True, is_mobile=True)
    tab = tab_that_has_spoken(page, server)
    tab.say("a-very-long-word-" * 20)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert controls_too_small(page) == []
    page.screenshot(path=tmp_path / "phone-dark.png")
    red, green, blue = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert max(red, green, blue) < 64


def test_on_a_phone_the_people_are_one_tap_away(browser: Browser, server: ServerProcess) -> None:
    page = open_page(browser, viewport=PHONE)
    Tab(page, server.port, "Ada")
    assert not page.is_visible("#people")
    page.click("#show-side")
    assert page.is_visible("#people")
    assert page.get_attribute("#show-side", "aria-expanded") == "true"
    page.context.close()


def test_nothing_moves_for_those_who_asked_for_stillness(
    browser: Browser, server: ServerProcess
) -> None:
    page = open_page(browser, reduced_motion="reduce")
    tab_that_has_spoken(page, server)
    page.wait_for_function("() => document.getAnimations().length === 0")
    page.context.close()


def test_a_reader_of_older_messages_is_not_dragged_to_the_end(
    page: Page, server: ServerProcess
) -> None:
    tab = Tab(page, server.port, "Ada")
    for number in range(12):
        tab.say(f"line {number}\nand\nmore")
    page.evaluate(SCROLL_UP)
    with server.join(path="/ws?name=Grace") as grace:
        grace.send_json({"type": "chat", "text": "news"})
        page.wait_for_selector("#latest")
        assert page.evaluate("document.querySelector('#log').scrollTop") == 0
        page.focus("#text")
        page.keyboard.press("Escape")
        page.wait_for_selector("#latest", state="hidden")
