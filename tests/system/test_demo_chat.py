"""The demo's page in real browsers: people who chat."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from subprocess import DEVNULL, PIPE
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Tab, chromium, open_page
from tests.support.processes import ServerProcess

OpenTab: TypeAlias = Callable[[str], Tab]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess(command="demo") as running:
        yield running


@pytest.fixture
def open_tab(browser: Browser, server: ServerProcess) -> Iterator[OpenTab]:
    tabs: list[Tab] = []

    def open_one(name: str) -> Tab:
        tabs.append(Tab(open_page(browser), server.port, name))
        return tabs[-1]

    yield open_one
    for tab in tabs:
        assert tab.faults == []
        tab.page.context.close()


def test_two_tabs_see_each_others_messages_in_one_order(open_tab: OpenTab) -> None:
    ada, grace = open_tab("Ada"), open_tab("Grace")
    for speaker, text in ((ada, "one"), (grace, "two"), (grace, "three"), (ada, "four")):
        speaker.say(text)
    for tab in (ada, grace):
        tab.wait_for_message("four")
        assert tab.messages() == [
            ("Ada", "one"), ("Grace", "two"), ("Grace", "three"), ("Ada", "four"),
        ]  # fmt: skip


def test_a_tab_sees_who_comes_and_who_goes(open_tab: OpenTab) -> None:
    ada = open_tab("Ada")
    grace = open_tab("Grace")
    ada.wait_for_notice("Grace joined")
    ada.wait_for_people("Ada", "Grace")
    grace.page.close()
    ada.wait_for_notice("Grace left")
    ada.wait_for_people("Ada")


def test_a_newcomer_reads_what_was_said_before_it_came(open_tab: OpenTab) -> None:
    open_tab("Ada").say("before you came")
    grace = open_tab("Grace")
    grace.wait_for_message("before you came")
    assert grace.messages() == [("Ada", "before you came")]


def test_markup_is_shown_as_it_was_typed(open_tab: OpenTab) -> None:
    """Catalogue 62."""
    ada, grace = open_tab("Ada"), open_tab("<i>Grace</i>")
    ada.say("<img src=x onerror=alert(1)> & <b>bold</b>")
    grace.wait_for_message("<img src=x onerror=alert(1)> & <b>bold</b>")
    assert "<i>Grace</i>" in ada.people()


def test_a_name_is_asked_for_once_and_remembered(
    browser: Browser, server: ServerProcess, open_tab: OpenTab
) -> None:
    page = open_page(browser)
    tab = Tab(page, server.port)
    page.fill("#name", "Ada")
    page.press("#name", "Enter")
    tab.wait_for_state("Connected")
    again = Tab(page.context.new_page(), server.port)
    again.wait_for_people("Ada", "Ada")
    page.context.close()


def test_a_name_can_be_changed_while_chatting(open_tab: OpenTab) -> None:
    ada, grace = open_tab("Ada"), open_tab("Grace")
    grace.say("as Grace")
    grace.page.click("#rename")
    grace.page.fill("#name", "Rear Admiral Hopper")
    grace.page.press("#name", "Enter")
    ada.wait_for_people("Ada", "Rear Admiral Hopper")
    grace.say("as the admiral")
    ada.wait_for_message("as the admiral")
    assert ada.messages() == [("Grace", "as Grace"), ("Rear Admiral Hopper", "as the admiral")]
    assert grace.notices() == []


def test_a_program_without_a_page_is_one_of_the_people(
    open_tab: OpenTab, server: ServerProcess
) -> None:
    ada = open_tab("Ada")
    with server.join(path="/ws?name=A%20script") as script:
        ada.wait_for_people("Ada", "A script")
        script.send_json({"type": "chat", "text": "from a terminal"})
        ada.wait_for_message("from a terminal")


def test_what_the_page_suggests_for_a_terminal_works(open_tab: OpenTab) -> None:
    ada = open_tab("Ada")
    command = ada.page.inner_text("#snippet-python").splitlines()[-1].split()
    assert command[0] == "python"
    with subprocess.Popen([sys.executable, *command[1:]], stdin=PIPE, stdout=DEVNULL) as terminal:
        assert terminal.stdin is not None
        terminal.stdin.write(f"{ada.page.inner_text('#snippet-wire')}\n".encode())
        terminal.stdin.flush()
        ada.wait_for_message("Hello from a terminal")
        terminal.kill()


def test_the_page_asks_no_other_host_for_anything(open_tab: OpenTab, server: ServerProcess) -> None:
    ada = open_tab("Ada")
    ada.say("hello")
    ada.page.reload()
    ada.wait_for_message("hello")
    hosts = {urlsplit(address).netloc for address in ada.requests}
    assert hosts == {f"127.0.0.1:{server.port}"}


def test_a_refused_message_stays_with_its_writer_and_says_why(open_tab: OpenTab) -> None:
    ada = open_tab("Ada")
    refuse = """() => {
        const send = WebSocket.prototype.send;
        WebSocket.prototype.send = function (text) {
            send.call(this, text.replace('"lobby","text"', '"no such place","text"'));
        };
    }"""
    ada.page.evaluate(refuse)
    ada.write("to nowhere")
    ada.page.wait_for_selector("#letters .failed")
    assert ada.unsent() == ["to nowhere"]
