"""The demo's page in real browsers: what it does when the connection, or the server, goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.background import BackgroundProxy, proxy_to
from tests.support.browser import Tab, chromium, open_page
from tests.support.processes import ServerProcess


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess(command="demo") as running:
        yield running


@pytest.fixture
def network(server: ServerProcess) -> Iterator[BackgroundProxy]:
    """What lies between Ada and the server."""
    with proxy_to(server.port) as proxy:
        yield proxy


@pytest.fixture
def ada(browser: Browser, network: BackgroundProxy) -> Iterator[Tab]:
    tab = Tab(open_page(browser), network.port, "Ada")
    yield tab
    assert tab.faults == []
    tab.page.context.close()


@pytest.fixture
def grace(browser: Browser, server: ServerProcess) -> Iterator[Tab]:
    """Grace has no proxy before her."""
    tab = Tab(open_page(browser), server.port, "Grace")
    yield tab
    assert tab.faults == []
    tab.page.context.close()


def test_both_tabs_come_back_after_the_server_was_killed_and_say_so(
    ada: Tab, grace: Tab, server: ServerProcess
) -> None:
    ada.say("before")
    server.kill()
    for tab in (ada, grace):
        tab.wait_for_state("Disconnected")
    server.start()
    for tab in (ada, grace):
        tab.wait_for_notice("The server started again with an empty memory")
        tab.wait_for_state("Connected")
    ada.say("after")
    grace.wait_for_message("after")
    assert [text for _, text in grace.messages()] == ["before", "after"]


def test_a_tab_recovers_what_was_said_while_it_was_away(
    ada: Tab, grace: Tab, network: BackgroundProxy
) -> None:
    ada.say("one")
    network.cut_off()
    ada.wait_for_state("Disconnected")
    for text in ("two", "three", "four"):
        grace.say(text)
    network.restore()
    ada.wait_for_notice("Recovered 3 missed messages")
    assert [text for _, text in ada.messages()] == ["one", "two", "three", "four"]


def test_a_tab_that_missed_nothing_says_that_too(ada: Tab, network: BackgroundProxy) -> None:
    network.cut_off()
    ada.wait_for_state("Disconnected")
    network.restore()
    ada.wait_for_notice("You missed nothing")


def test_what_is_written_while_disconnected_is_sent_on_return(
    ada: Tab, grace: Tab, network: BackgroundProxy
) -> None:
    network.cut_off()
    ada.wait_for_state("Disconnected")
    ada.write("written in a tunnel")
    assert ada.unsent() == ["written in a tunnel"]
    network.restore()
    grace.wait_for_message("written in a tunnel")
    ada.wait_for_message("written in a tunnel")
    assert ada.unsent() == []


def test_a_message_whose_answer_was_lost_is_there_once(
    ada: Tab, grace: Tab, network: BackgroundProxy
) -> None:
    """Catalogue 79."""
    network.do(lambda proxy: proxy.black_hole("down"))
    ada.write("only once")
    grace.wait_for_message("only once")
    network.cut_off()
    network.restore()
    ada.wait_for_notice("Recovered 1 missed message")
    grace.say("the end")
    ada.wait_for_message("the end")
    for tab in (ada, grace):
        assert [text for _, text in tab.messages()] == ["only once", "the end"]
    assert ada.unsent() == []


def test_unsent_text_survives_a_reload(ada: Tab, network: BackgroundProxy) -> None:
    ada.page.fill("#text", "half a thou")
    ada.page.reload()
    ada.wait_for_state("Connected")
    assert ada.page.input_value("#text") == "half a thou"


def test_a_dead_connection_is_noticed_by_the_page_itself(
    browser: Browser, network: BackgroundProxy
) -> None:
    """Catalogue 69, as a browser can see it: it is shown neither pings nor silence."""
    page = open_page(browser)
    page.clock.install()
    tab = Tab(page, network.port, "Ada")
    network.do(lambda proxy: proxy.black_hole())
    page.clock.run_for(26_000)  # the heartbeat, after which the page asks
    page.clock.run_for(11_000)  # the pong's limit
    tab.wait_for_state("Disconnected")
    network.restore()
    tab.wait_for_state("Connected")
    page.context.close()


def test_try_now_does_not_wait_for_the_countdown(
    browser: Browser, network: BackgroundProxy
) -> None:
    page = open_page(browser)
    page.clock.install()
    tab = Tab(page, network.port, "Ada")
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    network.cut_off()
    tab.wait_for_state("Disconnected")
    assert "Trying again in" in str(page.text_content("#trouble-text"))
    network.restore()
    tab.try_now()
    tab.wait_for_state("Connected")
    page.context.close()


def test_the_network_coming_back_ends_the_wait(browser: Browser, network: BackgroundProxy) -> None:
    page = open_page(browser)
    page.clock.install()
    tab = Tab(page, network.port, "Ada")
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    network.cut_off()
    tab.wait_for_state("Disconnected")
    network.restore()
    page.evaluate("dispatchEvent(new Event('online'))")
    tab.wait_for_state("Connected")
    page.context.close()


def test_a_draining_server_is_announced_and_come_back_to(grace: Tab, server: ServerProcess) -> None:
    """Catalogue 91."""
    server.terminate()
    grace.wait_for_notice("The server is about to restart")
    assert server.wait() == 0
    server.start()
    grace.wait_for_state("Connected")
    grace.say("here again")


def test_a_page_that_was_told_to_stop_says_why_and_how_to_come_back(
    browser: Browser, server: ServerProcess
) -> None:
    page = open_page(browser)
    page.route_web_socket("**/ws*", lambda socket: socket.close(code=4003, reason="too loud"))
    tab = Tab(page, server.port)
    page.keyboard.press("Enter")
    tab.wait_for_state("Stopped")
    assert "You were asked to leave. (too loud)" in str(page.text_content("#trouble-text"))
    page.get_by_role("button", name="Connect again").wait_for()
    page.context.close()
