"""What both clients share: calls made from arguments, requests from calls, answers from bytes.

No I/O. What may be sent again is decided here, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict, TypeVar, cast

import httpx
import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tidewire.api.calls import (
    CALLS,
    Answer,
    Batch,
    Broadcast,
    BroadcastResults,
    Call,
    Failed,
    Publish,
    Published,
    Results,
    Revoke,
    Signal,
    method_of,
)
from tidewire.api.errors import ApiError, ApiUnavailable, error_of
from tidewire.messages import Op, Position

T = TypeVar("T", bound=Answer)

RETRIES = 2
"""After the first attempt: a server that restarts is back within a second."""

TIMEOUT_S = 10.0
"""For one attempt: above what a server takes to say that its engine does not answer."""

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
"""Between attempts: doubled each time, halved to whole at random; what the server asks for goes
before it, up to the longest."""

KEY_HEADER = "authorization"

_encode = msgspec.json.Encoder().encode


class ContentOptions(TypedDict, total=False):
    """What may be said of what is published; the words of the protocol."""

    once: str
    key: str
    ref: int
    op: Op
    ttl: float
    tags: dict[str, str]
    user: str
    kind: str


class _Told(Struct):
    """A failure in whatever words a newer server has."""

    code: str | UnsetType = UNSET
    message: str = ""
    retry_after: float | UnsetType = msgspec.field(name="retryAfter", default=UNSET)


def raw(data: Any) -> Raw:
    """``data`` (anything JSON can say) as the call carries it."""
    return data if isinstance(data, Raw) else Raw(_encode(data))


def path_of(call: Call) -> str:
    return f"/api/{method_of(type(call))}"


def body_of(call: Call) -> bytes:
    return _encode(call)


def headers_of(key: str) -> dict[str, str]:
    return {KEY_HEADER: f"Bearer {key}", "content-type": "application/json"}


def revocation(
    *,
    user: str | None,
    session: str | None,
    token: str | None,
    client: str | None,
    issued_before: float | None,
    ttl_s: float | None,
) -> Revoke:
    """The call; raises ``ValueError`` unless exactly one is named."""
    return Revoke(
        user=given(user),
        session=given(session),
        token=given(token),
        client=given(client),
        issued_before=given(issued_before),
        ttl=given(ttl_s),
    )


def given(value: Any) -> Any:
    """Left out where it is None."""
    return UNSET if value is None else value


def may_repeat(call: Call) -> bool:
    """Whether doing it twice is the same as once."""
    if isinstance(call, Publish | Broadcast):
        return call.once is not UNSET
    if isinstance(call, Batch):
        return all(may_repeat(each) for each in call.commands)
    return not isinstance(call, Signal)


def unreachable(error: httpx.HTTPError) -> ApiUnavailable:
    """Never sent, or sent and unanswered: only the first is known not to be done."""
    is_unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return ApiUnavailable(
        "unavailable" if is_unsent else "unknown_outcome",
        f"no answer: {error or type(error).__name__}",
    )


def may_go_on(call: Call, error: ApiError, attempt: int, retries: int) -> bool:
    if attempt >= retries or not isinstance(error, ApiUnavailable):
        return False
    return may_repeat(call) or error.code == "unavailable"


def answer_of(call: Call, status: int, content: bytes) -> Answer:
    """What the server answered. Raises ``ApiError`` where it did not do it."""
    try:
        if status != 200:
            raise _error(msgspec.json.decode(content, type=_Told), status)
        return msgspec.json.decode(content, type=CALLS[type(call)])
    except msgspec.MsgspecError:
        raise ApiError("internal", f"no Tidewire API answers there (status {status})") from None


def _error(told: _Told, status: int) -> ApiError:
    code = told.code if isinstance(told.code, str) else "internal"
    failed = Failed(
        code=cast(Any, code),
        message=told.message or f"status {status}",
        retry_after=told.retry_after,
    )
    return error_of(failed)


def results_of(batch: Batch, answer: Answer) -> list[Answer | ApiError]:
    """The answers in the order of the batch's calls."""
    assert isinstance(answer, Results)
    pairs = zip(batch.commands, answer.results, strict=True)
    return [_result(CALLS[type(call)], result) for call, result in pairs]


def positions_of(answer: Answer) -> list[Position | ApiError]:
    """What became of each channel of a broadcast."""
    assert isinstance(answer, BroadcastResults)
    results = [_result(Published, result) for result in answer.results]
    return [each if isinstance(each, ApiError) else position_of(each) for each in results]


def position_of(answer: Answer) -> Position:
    assert isinstance(answer, Published)
    return answer.position


def _result(kind: type[Answer], result: Any) -> Answer | ApiError:
    told = msgspec.convert(result, _Told)
    if isinstance(told.code, str):
        return _error(told, 200)
    if kind is BroadcastResults or kind is Results:
        return msgspec.convert(result, kind)
    # Through text, since an entry keeps its data as it came.
    return msgspec.json.decode(_encode(result), type=kind)


def batch_of(calls: Sequence[Call]) -> Batch:
    return Batch(commands=cast(Any, list(calls)))


def pause_s(attempt: int, error: ApiError, chance: float) -> float:
    """How long to wait before the next attempt; ``chance`` is from 0 to 1."""
    if error.retry_after_s is not None:
        return min(error.retry_after_s, LONGEST_PAUSE_S)
    longest_s: float = min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S)
    return longest_s * (0.5 + chance / 2)
