"""Which cases of the Autobahn suite may do other than pass, each exactly how and why.

A case listed here that does anything else, passing included, fails the run: the
list says what is true today, or it says nothing.
"""

from __future__ import annotations

from typing import NamedTuple


class Deviation(NamedTuple):
    """What a case does instead of passing. ``close_code``: what the server must close with."""

    verdict: str
    reason: str
    close_code: int | None = None


FRAGMENT_CAP = Deviation(
    "FAILED",
    "sends one message in more than 128 fragments, and the echo server keeps our default cap",
    close_code=1009,
)
ALWAYS_INFORMATIONAL = "the suite gives no other verdict: "
CLOSE_AFTER_LARGE = Deviation(
    "INFORMATIONAL", ALWAYS_INFORMATIONAL + "a large message and a close sent back to back"
)
UNDEFINED_CODE = Deviation(
    "INFORMATIONAL",
    ALWAYS_INFORMATIONAL + "a close code above 4999, which the RFC does not define",
    close_code=1002,
)

ALLOWED: dict[str, Deviation] = {
    "7.1.6": CLOSE_AFTER_LARGE,
    "7.13.1": UNDEFINED_CODE,
    "7.13.2": UNDEFINED_CODE,
    # 4 MiB in fragments of 64, 256, 1,024, 4,096 and 16,384 bytes: 65,536 down to 256 of them.
    **{f"9.{kind}.{size}": FRAGMENT_CAP for kind in (3, 4) for size in range(1, 6)},
    # 64 or 128 KiB in fragments of 256 compressed bytes, where they compress to more than 32 KiB:
    # a picture, a long German text, a PDF.
    **dict.fromkeys(("12.2.14", "12.2.15", "12.3.15", "12.5.14", "12.5.15"), FRAGMENT_CAP),
}
