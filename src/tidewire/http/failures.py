"""Failures: one shape and one status for each way a call can fail."""

from __future__ import annotations

import logging
import math

from msgspec import UNSET

from tidewire.api.calls import ApiErrorCode, Failed
from tidewire.api.errors import ApiError
from tidewire.errors import CommandRefused, EngineUnavailable

logger = logging.getLogger("tidewire.api")

STATUS: dict[ApiErrorCode, int] = {
    "malformed": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "timeout": 408,
    "limit": 409,
    "not_subscribed": 409,
    "too_large": 413,
    "rate_limited": 429,
    "internal": 500,
    "unavailable": 503,
    "unknown_outcome": 504,
}


def failure_of(error: Exception) -> Failed:
    """What is answered; what is our own fault is logged with its cause, and told nobody."""
    if isinstance(error, ApiError):
        return error.as_answer()
    if isinstance(error, CommandRefused):
        wait_s = error.retry_after_s
        told = UNSET if wait_s is None else math.ceil(wait_s * 1000) / 1000
        return Failed(code=error.code, message=str(error), retry_after=told)
    if isinstance(error, EngineUnavailable):
        logger.warning("the engine is unavailable", exc_info=error)
        return Failed(code="unavailable", message="try again later", retry_after=1.0)
    logger.error("a call failed", exc_info=error)
    return Failed(code="internal", message="internal error")
