"""Closing: what an end of the connection, or a refusal to begin one, means for coming back. Pure.

The advice for each close code is the protocol's one table (``websocket.close_codes``);
this adds the window a draining server named, and what an HTTP status says.
"""

from __future__ import annotations

from msgspec import Struct

from tidewire.websocket.close_codes import TOKEN_EXPIRED, ComeBack, advice

ASK_FOR_A_TOKEN = frozenset((401, 403))
"""Refused for what was shown: expired or revoked, and another token may be let in."""

TRY_AGAIN = frozenset((408, 425, 429))
"""Refused for the moment, as is every status from 500 on."""


class Ending(Struct, frozen=True):
    """Why there is no connection, and what to do about it.

    ``window_s`` is the span in which to come back at a random moment, as a draining
    server said; ``not_before_s`` the wait that a refusal asked for. ``is_isolated``:
    nothing says that others have been dropped, too.
    """

    come_back: ComeBack
    reason: str
    code: int | None = None
    window_s: float | None = None
    not_before_s: float = 0.0
    is_isolated: bool = False


def after_close(code: int | None, reason: str, *, window_s: float | None = None) -> Ending:
    """After a Close frame with ``code``, or after none (None), and ``draining`` with a window."""
    come_back = advice(code)
    return Ending(
        come_back,
        reason or f"closed with {code}",
        code,
        window_s=window_s if come_back is ComeBack.WITHIN_WINDOW else None,
        is_isolated=window_s is None and (code is None or come_back is ComeBack.NOW),
    )


def after_failure(reason: str) -> Ending:
    """Nobody answered: the address, the network, or whoever makes our tokens."""
    return Ending(ComeBack.WITHIN_WINDOW, reason)


def after_refusal(status: int, reason: str, retry_after_s: float | None) -> Ending:
    """After an answer to the upgrade that was not 101 (``spec/protocol.md`` section 2.2)."""
    wait_s = retry_after_s or 0.0
    if status in ASK_FOR_A_TOKEN:
        return Ending(ComeBack.WITH_NEW_TOKEN, reason, TOKEN_EXPIRED.number)
    if status in TRY_AGAIN or status >= 500:
        return Ending(ComeBack.WITHIN_WINDOW, reason, not_before_s=wait_s)
    return Ending(ComeBack.NEVER, reason)
