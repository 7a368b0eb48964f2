"""No credential survives on its way to a log; ordinary text does."""

from __future__ import annotations

import json
import logging
import os

import pytest

from tests.security.handshakes import request
from tidewire.security.credentials import Credential
from tidewire.security.redaction import RedactingFormatter, redact
from tidewire.security.tickets import TicketOffice
from tidewire.security.tokens import TokenIssuer
from tidewire.security.user import User

TOKEN = TokenIssuer(b"k" * 32).issue("alice", now=1_700_000_000, info={"name": "Alice"})
TICKET = TicketOffice(os.urandom).issue(User("alice"), None, now=0.0)
PLACES = [
    "Authorization: Bearer {}",
    "authorization: bearer {}\r\nHost: x",
    "[(b'host', b'x'), (b'authorization', b'Bearer {}')]",
    '{{"authorization": "Bearer {}", "host": "x"}}',
    "Proxy-Authorization: Basic {}",
    "Sec-WebSocket-Protocol: tidewire.v1, bearer.{}",
    "(b'sec-websocket-protocol', b'tidewire.v1, ticket.{}')",
    "(b'sec-websocket-protocol', b'tidewire.v1, resume.{}')",
    '"GET /ws?token={} HTTP/1.1" 101',
    "GET /ws?room=a&access_token={}&x=1",
    "GET /ws?ticket={}#top",
    '{{"type": "refresh", "token": "{}"}}',
    "token='{}'",
    "Cookie: theme=dark; sid={}; x=1",
    "set-cookie: __Host-sid={}; Secure",
    "headers={{'cookie': 'a=b; sid={}'}}",
    "password={} api_key=other",
    "Bearer {}",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("secret", [TOKEN, TICKET], ids=["token", "ticket"])
def test_no_token_or_ticket_survives_wherever_it_stands(place: str, secret: str) -> None:
    """Catalogue 18."""
    text = redact(place.format(secret))
    assert secret not in text
    assert not any(part in text for part in secret.split("."))
    assert "[hidden]" in text


@pytest.mark.parametrize("place", ["{}", "got {}", "x{{{}}}", "/{}/", "'{}'", "t={}.", "{}\n{}"])
def test_what_is_shaped_like_a_token_never_survives(place: str) -> None:
    """Catalogue 18: whole, and cut off by a line limit."""
    for secret in (TOKEN, TOKEN[:-30], TOKEN[:60]):
        assert secret.split(".")[1] not in redact(place.format(secret, secret))


def test_json_inside_a_json_log_line_is_redacted_too() -> None:
    line = json.dumps(
        {"message": json.dumps({"token": TICKET, "authorization": f"Bearer {TICKET}"})}
    )
    assert TICKET not in redact(line)
    assert json.loads(redact(line))


@pytest.mark.parametrize(
    "text",
    [
        'connect user=alice ip=192.0.2.1 path="/ws" ms=3',
        "refused 401 token_expired: the token has expired",
        "refused 401 unauthorized: no key verifies the token",
        "basic authentication and bearer tokens; ticket verification",
        "see https://example.com/docs/tokens.html and eyes.example.com",
        '{"type":"chat","text":"hello","token":null,"ticket": false}',
        "",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "piece", ["cookie ", "token", "eyJ-", "bearer ", "a-", "eyJaaaa.", "secret:"]
)
def test_hostile_text_does_not_slow_the_log_down(piece: str) -> None:
    """A quadratic search would take minutes for one such line."""
    assert len(redact(piece * (200_000 // len(piece)))) <= 1_000_000


def test_a_formatter_redacts_message_arguments_and_traceback() -> None:
    formatter = RedactingFormatter(logging.Formatter("%(levelname)s %(message)s"))
    try:
        raise ValueError(f"Bearer {TICKET}")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    arguments = (f"ticket.{TICKET}",)
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "offered %s", arguments, info)
    text = formatter.format(record)
    assert text.startswith("INFO offered ticket.[hidden]")
    assert "ValueError" in text
    assert TICKET not in text


def test_values_of_this_room_print_no_secret_to_begin_with() -> None:
    """Catalogue 18."""
    handshake = request(("Authorization", f"Bearer {TOKEN}"), query=f"token={TOKEN}".encode())
    assert TOKEN not in f"{handshake!r} {Credential('bearer', TOKEN)!r}"
