"""An auction: FastAPI's pages and Tidewire's WebSockets on one port, with one login.

FastAPI keeps the sessions; the hook below reads the same cookie before a
WebSocket is let in, so that there is no second login and no token in a page.
"""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Cookie, FastAPI, HTTPException, Query, Response
from fastapi.responses import HTMLResponse

import tidewire

SESSION_COOKIE = "session"
MAX_SESSIONS = 10_000
"""An example keeps them in memory; yours are in your session store."""

web = FastAPI(title="Auction")
live = tidewire.App()
live.mount(web)

sessions: dict[str, str] = {}  # what the cookie holds -> the user's name


@live.authenticate
async def who(handshake: tidewire.Handshake) -> tidewire.User | None:
    """The user of a WebSocket: whoever logged in with this browser; None refuses it.

    A browser sends its cookies from any page. Tidewire has seen to it that this one
    is ours: without ``origins.allowed`` only the server's own host may connect.
    """
    name = sessions.get(handshake.cookies.get(SESSION_COOKIE, ""))
    return None if name is None else tidewire.User(name)


@web.post("/login")
async def login(name: Annotated[str, Query(min_length=1, max_length=40)]) -> Response:
    """Anybody may be anybody here: put your own check of a password in its place."""
    if len(sessions) >= MAX_SESSIONS:
        sessions.pop(next(iter(sessions)))
    session = secrets.token_urlsafe()
    sessions[session] = name
    response = Response(status_code=204)
    response.set_cookie(SESSION_COOKIE, session, httponly=True, samesite="strict")
    return response


@web.post("/bids")
async def bid(amount: int, session: Annotated[str, Cookie()] = "") -> dict[str, int]:
    """Takes a bid and shows it to everybody. One line publishes."""
    bidder = sessions.get(session)
    if bidder is None:
        raise HTTPException(401, "log in first")
    position = await live.publish("lobby", {"bid": amount}, user_id=bidder)
    return {"number": position.seq}


@web.get("/")
async def page() -> HTMLResponse:
    return HTMLResponse(PAGE)


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Auction</title>
<h1>Auction</h1>
<form id="login"><input name="name" placeholder="your name" required><button>Enter</button></form>
<form id="bid" hidden><input name="amount" type="number" required><button>Bid</button></form>
<ol id="bids"></ol>
<script>
const post = (path, form) =>
  fetch(`${path}?${new URLSearchParams(new FormData(form))}`, { method: "POST" });
login.onsubmit = async (event) => {
  event.preventDefault();
  await post("/login", login);
  login.hidden = !(bid.hidden = false);
  const socket = new WebSocket(location.href.replace(/^http/, "ws") + "ws");
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type !== "message") return;
    bids.appendChild(document.createElement("li")).textContent =
      `${message.from}: ${message.data.bid}`;
  };
};
bid.onsubmit = (event) => {
  event.preventDefault();
  post("/bids", bid);
};
</script></html>
"""
