"""Who is let in, and by what, before the 101."""

from __future__ import annotations

from typing import Any

import pytest

from tests.security.signing import jwk, private_pem
from tests.support.asynchronous import run
from tidewire.errors import HandshakeRefused
from tidewire.security.handshake import Handshake, read_handshake
from tidewire.security.keys import KeySet
from tidewire.security.origin import OriginPolicy
from tidewire.security.tickets import TicketOffice
from tidewire.security.tokens import TokenIssuer, TokenVerifier
from tidewire.security.user import User
from tidewire.server.admission import Admission
from tidewire.testing.clock import FakeClock

SECRET = b"0123456789abcdef" * 4
CLOCK = FakeClock()


def _admission(**changed: Any) -> Admission:
    given: dict[str, Any] = {
        "origins": OriginPolicy((), cookies=True),
        "allows_any_origin": False,
        "verifier": TokenVerifier(KeySet.from_secret(SECRET), leeway_s=30.0),
        "tickets": TicketOffice(bytes),
        "clock": CLOCK,
    }
    return Admission(**{**given, **changed})


def _handshake(*headers: tuple[bytes, bytes]) -> Handshake:
    own = [(b"host", b"app.example"), *headers]
    return read_handshake("/ws", b"", own, client_ip="192.0.2.1", scheme="https")


def _with_token(token: str) -> Handshake:
    return _handshake((b"authorization", f"Bearer {token}".encode()))


def _issue(ttl_s: float = 60.0) -> str:
    return TokenIssuer(SECRET).issue("ada", now=CLOCK.time(), ttl_s=ttl_s)


def _refusal(admission: Admission, handshake: Handshake) -> HandshakeRefused:
    with pytest.raises(HandshakeRefused) as caught:
        run(admission.identify(handshake))
    return caught.value


def test_a_token_is_its_user() -> None:
    assert run(_admission().identify(_with_token(_issue()))).id == "ada"


def test_a_clock_that_differs_by_less_than_the_leeway_is_forgiven() -> None:
    """Catalogue 22: here as at the verifier and in an open connection."""
    assert run(_admission().identify(_with_token(_issue(ttl_s=-20)))).id == "ada"
    late = _refusal(_admission(), _with_token(_issue(ttl_s=-31)))
    assert (late.status, late.code) == (401, "token_expired")


def test_a_key_the_issuer_made_since_is_fetched_and_used() -> None:
    verifier = TokenVerifier(KeySet.from_jwks({"keys": [jwk("EdDSA", "one", kid="one")]}))

    async def renew() -> bool:
        verifier.keys = KeySet.from_jwks({"keys": [jwk("EdDSA", "two", kid="two")]})
        return True

    token = TokenIssuer(private_pem("EdDSA", "two"), "EdDSA", kid="two").issue(
        "ada", now=CLOCK.time()
    )
    admission = _admission(verifier=verifier, renew_keys=renew)
    assert run(admission.identify(_with_token(token))).id == "ada"


def test_a_wrong_signature_is_no_reason_to_fetch_keys() -> None:
    """Catalogue 23."""

    async def renew() -> bool:
        raise AssertionError("nothing is fetched for a known key")

    forged = TokenIssuer(SECRET[::-1]).issue("ada", now=CLOCK.time())
    assert _refusal(_admission(renew_keys=renew), _with_token(forged)).status == 401


def test_an_expired_user_of_a_hook_is_not_let_in() -> None:
    hook = lambda handshake: User("ada", expires_at=CLOCK.time())  # noqa: E731
    admission = _admission(verifier=None, authenticate=hook)
    assert _refusal(admission, _handshake()).code == "token_expired"


@pytest.mark.parametrize("answer", ["ada", 7, {"id": "ada"}])
def test_a_hook_answers_a_user_or_none(answer: object) -> None:
    admission = _admission(verifier=None, authenticate=lambda handshake: answer)
    with pytest.raises(TypeError, match="authenticate returned"):
        run(admission.identify(_handshake()))


def test_a_hook_on_an_open_server_sees_no_cookies() -> None:
    """Any page on the web may connect, so none may do so as its visitor."""
    seen: list[Handshake] = []
    admission = _admission(
        origins=OriginPolicy(("*",), cookies=False),
        allows_any_origin=True,
        verifier=None,
        authenticate=seen.append,
    )
    page = _handshake((b"cookie", b"session=1"), (b"origin", b"https://app.example"))
    _refusal(admission, page)
    assert (dict(seen[0].cookies), seen[0].header("cookie")) == ({}, None)


def test_a_ticket_is_spent_by_coming_in_and_not_by_asking() -> None:
    admission = _admission()
    ticket = admission.issue_ticket(User("ada"), None)
    page = _handshake((b"sec-websocket-protocol", f"tidewire.v1, ticket.{ticket}".encode()))
    with pytest.raises(HandshakeRefused):
        run(admission.identify(page, use_ticket=False))
    assert run(admission.identify(page)).id == "ada"
    assert _refusal(admission, page).status == 401


def test_a_token_or_a_guest_is_recognized_without_waiting() -> None:
    user = _admission().recognize(_with_token(_issue()))
    assert user is not None
    assert user.id == "ada"
    guest = _admission(allows_anonymous=True).recognize(_handshake())
    assert guest is not None
    assert guest.is_anonymous


def test_whoever_has_to_be_asked_about_is_not_recognized_at_once() -> None:
    by_hook = _admission(verifier=None, authenticate=lambda handshake: User("ada"))
    assert by_hook.always_waits
    assert by_hook.recognize(_handshake()) is None

    async def renew() -> bool:
        return False

    unknown = TokenIssuer(SECRET, kid="new").issue("ada", now=CLOCK.time())
    keys = KeySet.from_secret(SECRET, kid="old")
    admission = _admission(verifier=TokenVerifier(keys), renew_keys=renew)
    assert admission.recognize(_with_token(unknown)) is None
    assert _refusal(admission, _with_token(unknown)).status == 401
