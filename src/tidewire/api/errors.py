"""What the HTTP API says no with: raised by the server's side, and again by the client's."""

from __future__ import annotations

from tidewire.api.calls import ApiErrorCode, Failed
from tidewire.errors import TidewireError


class ApiError(TidewireError):
    """A call was not done, and why. ``retry_after_s`` is set where trying again can succeed."""

    def __init__(
        self, code: ApiErrorCode, message: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code: ApiErrorCode = code
        self.retry_after_s = retry_after_s

    def as_answer(self) -> Failed:
        if self.retry_after_s is None:
            return Failed(code=self.code, message=str(self))
        return Failed(code=self.code, message=str(self), retry_after=self.retry_after_s)


class ApiUnavailable(ApiError):
    """The server did not answer, or could not do it now.

    With ``code`` "unknown_outcome" it may have been done all the same; a publish with
    a ``once`` key can be repeated.
    """


UNAVAILABLE = frozenset({"unavailable", "unknown_outcome", "internal", "timeout"})


def error_of(failed: Failed) -> ApiError:
    """What ``failed`` says, as an error."""
    kind = ApiUnavailable if failed.code in UNAVAILABLE else ApiError
    wait_s = failed.retry_after if isinstance(failed.retry_after, float) else None
    return kind(failed.code, failed.message, retry_after_s=wait_s)
