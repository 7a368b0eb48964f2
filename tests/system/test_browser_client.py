"""The browser client in real Chromium, against a real server, while everything around it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from playwright.sync_api import Browser, WebSocketRoute

from tests.support.background import BackgroundProxy, proxy_to
from tests.support.clientpage import ClientPage, browser_for_clients, merged, open_client_page
from tests.support.processes import ServerProcess
from tests.support.tokens import SECRET, claims, hmac_token
from tidewire.testing.checker import check

ROOMS = """
[[channels]]
pattern = "room:*"
history_size = 10000
"""

GENEROUS = """
[limits]
publications_per_s = 1000
publications_burst = 10000
user_publications_per_s = 10000
user_publications_burst = 10000
"""

SIGNED = f"[auth]\nsecrets = [{SECRET!r}]\nleeway_s = 0\n" + ROOMS + GENEROUS
"""Users with a name: a guest is another user on each connection, and repeats nothing."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_for_clients() as running:
        yield running


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess(SIGNED) as running:
        yield running


@pytest.fixture
def network(server: ServerProcess) -> Iterator[BackgroundProxy]:
    """What lies between Ada and the server."""
    with proxy_to(server.port) as proxy:
        yield proxy


def _start(page: ClientPage, name: str) -> None:
    page.start(name, token=hmac_token(claims(sub=name)))
    page.wait_for_state("open")


@contextmanager
def _page(browser: Browser, port: int, name: str) -> Iterator[ClientPage]:
    page = open_client_page(browser, port)
    _start(page, name)
    yield page
    assert page.faults == []
    page.page.context.close()


@pytest.fixture
def ada(browser: Browser, network: BackgroundProxy) -> Iterator[ClientPage]:
    with _page(browser, network.port, "ada") as page:
        yield page


@pytest.fixture
def grace(browser: Browser, server: ServerProcess) -> Iterator[ClientPage]:
    """Grace has no proxy before her."""
    with _page(browser, server.port, "grace") as page:
        yield page


def _assert_no_promise_was_broken(*pages: ClientPage) -> None:
    violations = check(merged(*pages))
    assert not violations, "\n".join(map(str, violations))


def test_what_was_said_while_a_page_was_cut_off_is_recovered(
    ada: ClientPage, grace: ClientPage, network: BackgroundProxy
) -> None:
    grace.publish(3)
    ada.wait_until_seen(3)
    network.cut_off()
    ada.wait_for_state("waiting")
    ada.publish(2)
    grace.publish(5)
    grace.wait_until_settled(8)
    network.restore()
    for page in (ada, grace):
        page.wait_until_seen(10)
    ada.wait_until_settled(2)
    assert (ada.count("ok"), ada.count("gap")) == (2, 0)
    _assert_no_promise_was_broken(ada, grace)


def test_both_go_on_publishing_while_one_is_cut_again_and_again(
    ada: ClientPage, grace: ClientPage, network: BackgroundProxy
) -> None:
    for round_number in range(1, 6):
        for page in (ada, grace):
            page.publish(20)
        network.do(lambda proxy: proxy.cut())
        ada.wait_until_settled(round_number * 20)
    for page in (ada, grace):
        page.wait_until_seen(200)
    assert ada.count("ok") == grace.count("ok") == 100
    assert ada.count("received") == 200
    _assert_no_promise_was_broken(ada, grace)


def test_a_publish_whose_answer_was_lost_is_there_once(
    ada: ClientPage, grace: ClientPage, network: BackgroundProxy
) -> None:
    """Catalogue 79."""
    network.do(lambda proxy: proxy.black_hole("down"))
    ada.publish()
    grace.wait_until_seen(1)
    network.cut_off()
    network.restore()
    ada.wait_until_settled(1)
    grace.publish()
    for page in (ada, grace):
        page.wait_until_seen(2)
    assert (ada.count("ok"), ada.count("received"), grace.count("received")) == (1, 2, 2)
    _assert_no_promise_was_broken(ada, grace)


def test_a_network_that_comes_back_ends_the_wait(
    browser: Browser, network: BackgroundProxy
) -> None:
    page = open_client_page(browser, network.port)
    page.page.clock.install()
    _start(page, "ada")
    page.page.clock.pause_at(page.page.evaluate("Date.now()") + 2000)
    network.cut_off()
    page.wait_for_state("waiting")
    network.restore()
    page.wake()
    page.wait_for_state("open")
    page.page.context.close()


def test_a_server_that_was_killed_and_lost_its_memory_is_a_gap(
    ada: ClientPage, server: ServerProcess
) -> None:
    ada.publish(3)
    ada.wait_until_settled(3)
    server.kill()
    ada.wait_for_state("waiting")
    ada.publish()
    server.start()
    ada.wake()
    ada.wait_until_settled(4)
    ada.wait_until_seen(4)
    assert ada.count("gap") == 1


def test_a_drained_server_is_come_back_to_within_its_window(
    grace: ClientPage, server: ServerProcess
) -> None:
    """Catalogue 91."""
    grace.publish()
    grace.wait_until_settled(1)
    server.terminate()
    assert server.wait() == 0
    server.start()
    grace.wait_for_state("open")
    assert "stopped" not in grace.states()


def _start_with_tokens(page: ClientPage, *expires_in_s: int) -> None:
    """Connect with a ``getToken`` that hands out tokens of these lives, one after the other."""
    now = int(time.time())
    page.page.evaluate(
        "(given) => { window.tokens = given;"
        " tidewire.start('ada', 'room:1', { getToken: async () => tokens.shift() }); }",
        [hmac_token(claims(exp=now + each)) for each in expires_in_s],
    )
    page.wait_for_state("open")


def test_a_token_is_replaced_before_it_runs_out_and_the_connection_stays(browser: Browser) -> None:
    with ServerProcess(SIGNED) as server:
        page = open_client_page(browser, server.port)
        _start_with_tokens(page, 5, 3600)
        page.wait_for("tokens.length === 0")
        page.publish()
        page.wait_until_seen(1)
        assert page.states() == ["open"]
        page.page.context.close()


def test_a_token_that_has_run_out_is_replaced_at_the_door(browser: Browser) -> None:
    with ServerProcess(SIGNED) as server:
        page = open_client_page(browser, server.port)
        _start_with_tokens(page, -3600, 3600)
        assert page.page.evaluate("tokens.length") == 0
        page.page.context.close()


def test_a_connection_whose_token_ran_out_comes_back_with_a_new_one(browser: Browser) -> None:
    with ServerProcess(SIGNED) as server:
        page = open_client_page(browser, server.port)
        page.page.route_web_socket("**/ws", _close_first_with(4001))
        _start_with_tokens(page, 3600, 3600)
        page.wait_for("tokens.length === 0")
        page.publish()
        page.wait_until_seen(1)
        page.page.context.close()


def _close_first_with(code: int) -> Callable[[WebSocketRoute], None]:
    """Lets the first connection say hello, and then closes it; the others are the server's."""
    connections = count()

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        if next(connections) > 0:
            return

        def pass_on(message: str | bytes) -> None:
            socket.send(message)
            socket.close(code=code, reason="token expired")

        server.on_message(pass_on)

    return route


def test_a_page_that_may_not_connect_stops_and_says_why(browser: Browser) -> None:
    with ServerProcess(SIGNED) as server:
        page = open_client_page(browser, server.port)
        page.start("ada")
        page.wait_for_state("stopped")
        assert page.state["code"] == "unauthorized"
        page.page.context.close()
