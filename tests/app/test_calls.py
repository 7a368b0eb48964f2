"""Calls: parameters from JSON by their annotations, and what is answered."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from msgspec import Meta, Raw

from tidewire.app.calls import Call, make_call
from tidewire.app.handlers import Handling
from tidewire.errors import CommandRefused


def _score(client: object, player: str, last_games: int = 3, tags: list[str] = []) -> int:  # noqa: B006
    return len(player) + last_games


def _nothing(client: object) -> None: ...


def _narrow(client: object, share: Annotated[float, Meta(ge=0, le=1)]) -> None: ...


def _call(function: Any) -> Call:
    return make_call("score", function, Handling())


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        (b'{"player":"ann","lastGames":5}', {"player": "ann", "last_games": 5, "tags": []}),
        (b'["ann"]', {"player": "ann", "last_games": 3, "tags": []}),
        (b' ["ann", 5, ["x"]]', {"player": "ann", "last_games": 5, "tags": ["x"]}),
        (b'{"player":"ann","unknown":1}', {"player": "ann", "last_games": 3, "tags": []}),
    ],
)
def test_parameters_come_by_name_or_by_place(data: bytes, arguments: dict[str, Any]) -> None:
    assert _call(_score).arguments(Raw(data)) == arguments


@pytest.mark.parametrize("data", [b"null", b"{}", b"[]", b""])
def test_a_method_without_parameters_needs_no_data(data: bytes) -> None:
    assert _call(_nothing).arguments(Raw(data)) == {}


@pytest.mark.parametrize(
    ("function", "data", "reason"),
    [
        (_score, b"{}", "missing required field `player`"),
        (_score, b'{"player":1}', "Expected `str`, got `int`"),
        (_score, b"[]", "at least length 1"),
        (_score, b"3", "Expected `object`"),
        (_narrow, b'{"share":1.5}', "<= 1.0"),
        (_narrow, b'{"share":1e400}', "out of range"),
        (_score, b"[" * 100_000, "score: "),
    ],
)
def test_parameters_that_do_not_fit_are_refused_with_the_reason(
    function: Any, data: bytes, reason: str
) -> None:
    """Catalogue 49, 50, 54."""
    with pytest.raises(CommandRefused) as refusal:
        _call(function).arguments(Raw(data))
    assert refusal.value.code == "malformed"
    assert reason in str(refusal.value)


def test_a_default_that_can_change_is_not_shared_between_calls() -> None:
    call = _call(_score)
    call.arguments(Raw(b'["ann"]'))["tags"].append("mine")
    assert call.arguments(Raw(b'["ann"]'))["tags"] == []


def _unknown_type(client: object, what: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def _no_json(client: object, what: type[int] | complex) -> None: ...


def _many(client: object, *what: int) -> None: ...


@pytest.mark.parametrize("function", [_unknown_type, _no_json, _many, lambda: 0])
def test_a_method_nobody_could_call_fails_where_it_is_declared(function: Any) -> None:
    with pytest.raises(TypeError, match=r"@app\.call"):
        _call(function)
