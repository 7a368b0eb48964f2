"""The FastAPI example, run in both the ways its README names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import ServerProcess
from tests.support.uvicorn_process import PROTOCOL, UvicornProcess
from tests.support.wire import RawConnection, Response

ROOT = Path(__file__).parents[2]
README = (ROOT / "examples/fastapi_app/README.md").read_text("utf-8")

SERVED = ("examples.fastapi_app.main:live", "--app-dir", str(ROOT))
UNDER_UVICORN = "examples.fastapi_app.asgi:application"


@pytest.fixture(scope="module", params=["tidewire serve", "uvicorn"])
def auction(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    process: ServerProcess = ServerProcess(flags=SERVED)
    if request.param == "uvicorn":
        process = UvicornProcess(target=UNDER_UVICORN, flags=("--app-dir", str(ROOT)))
    with process as server:
        yield server


def _post(server: ServerProcess, target: str, *headers: str) -> Response:
    lines = [f"POST {target} HTTP/1.1", "Host: x", "Content-Length: 0", *headers, "", ""]
    with server.connect() as connection:
        return connection.ask("\r\n".join(lines).encode())


def _session(server: ServerProcess, name: str) -> str:
    cookie = _post(server, f"/login?name={name}").header("set-cookie")
    assert cookie is not None
    return cookie.partition(";")[0]


def _page(server: ServerProcess, session: str) -> RawConnection:
    """A WebSocket as the example's own page opens it."""
    origin = f"http://127.0.0.1:{server.port}"
    return server.join(("Cookie", session), ("Origin", origin))


def test_a_bid_over_http_is_seen_by_every_page(auction: ServerProcess) -> None:
    ada = _session(auction, "ada")
    with _page(auction, ada) as one, _page(auction, _session(auction, "bob")) as other:
        answer = json.loads(_post(auction, "/bids?amount=70", f"Cookie: {ada}").body)
        for page in (one, other):
            message = page.expect("message")
            assert (message["from"], message["data"]) == ("ada", {"bid": 70})
            assert message["seq"] == answer["number"]


def test_a_page_is_whoever_logged_in_with_its_browser(auction: ServerProcess) -> None:
    with _page(auction, _session(auction, "ada")) as page:
        assert page.connected["userId"] == "ada"


def test_without_a_session_neither_side_lets_anybody_in(auction: ServerProcess) -> None:
    assert _post(auction, "/bids?amount=1").status == 401
    with auction.connect() as stranger:
        own_page = ("Origin", f"http://127.0.0.1:{auction.port}")
        assert stranger.handshake(("Cookie", "session=invented"), own_page).status == 401


def test_a_foreign_page_cannot_use_a_visitors_session(auction: ServerProcess) -> None:
    """Catalogue 9."""
    with auction.connect() as page:
        headers = (("Cookie", _session(auction, "ada")), ("Origin", "https://evil.example"))
        assert page.handshake(*headers).status == 403


def test_fastapi_serves_what_is_not_tidewires(auction: ServerProcess) -> None:
    page = auction.get("/", ("Accept", "text/html"))
    assert page.status == 200
    assert b"<h1>Auction</h1>" in page.body
    assert auction.get("/openapi.json").status == 200


def test_the_readme_names_what_is_tested_here() -> None:
    assert f"tidewire serve {SERVED[0]}" in README
    assert f"uvicorn --http {PROTOCOL} {UNDER_UVICORN}" in README
