"""``/client.js``: what is shipped is what the sources say, and a plain page can use it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from tests.support.clientpage import browser_for_clients, open_client_page
from tidewire.testing.blocking import BlockingServer, running

SOURCES = Path(__file__).parents[2] / "clients/typescript"


@pytest.fixture(scope="module")
def server() -> Iterator[BlockingServer]:
    with running() as found:
        yield found


def test_the_shipped_script_is_what_its_sources_build() -> None:
    command = ["node", "build.js", "--print"]
    built = subprocess.run(command, cwd=SOURCES, capture_output=True, check=True).stdout
    shipped = (files("tidewire.http") / "client.js").read_bytes()
    assert shipped == built, "run `node build.js` in clients/typescript"


def test_the_script_may_be_used_by_pages_of_any_origin(server: BlockingServer) -> None:
    answer = httpx.get(f"{server.url}/client.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_script_is_asked_for_again_and_sent_once(server: BlockingServer) -> None:
    etag = httpx.get(f"{server.url}/client.js").headers["etag"]
    for known in (etag, f'"other", W/{etag}'):
        answer = httpx.get(f"{server.url}/client.js", headers={"if-none-match": known})
        assert answer.status_code == 304
        assert answer.headers["etag"] == etag
        assert answer.content == b""


def test_another_script_than_the_one_in_hand_is_sent(server: BlockingServer) -> None:
    answer = httpx.get(f"{server.url}/client.js", headers={"if-none-match": '"older"'})
    assert answer.status_code == 200


def test_a_page_with_a_strict_policy_talks_with_nothing_but_this_script(
    server: BlockingServer,
) -> None:
    with browser_for_clients() as browser:
        page = open_client_page(browser, server.port)
        page.start("ada", "lobby")
        page.wait_for_state("open")
        position = page.page.evaluate("tidewire.publish('hello')")
        page.wait_until_seen(1)
        assert position["seq"] == 1
        assert page.faults == []
