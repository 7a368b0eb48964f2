"""Tokens: when to ask for the next one. Pure; clock and randomness are passed in."""

from __future__ import annotations

from tidewire.client.backoff import bound_s

MARGIN_S = 60.0
"""Asked for so long before the old one runs out: enough for several tries."""

LEAST_SHARE = 0.5
"""Of a token that lives shorter than that, half its life is used."""

MAX_SLEEP_S = 3600.0
"""An expiry is looked at again after so long: wall clocks are corrected, and laptops sleep."""


def until_refresh_s(expires_at: float, now: float) -> float:
    """Seconds until a token that runs out at ``expires_at`` should be replaced."""
    left_s = expires_at - now
    return max(0.0, left_s - min(MARGIN_S, left_s * LEAST_SHARE))


def until_retry_s(failures: int, drawn: float) -> float:
    """Seconds until it is asked for again after so many ``failures``."""
    return 1.0 + drawn * bound_s(failures)
