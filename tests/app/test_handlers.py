"""What may be a handler; a mistake is a sentence that names it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tidewire.app.handlers import Handling, Wanted, make_handler

ENTER = Wanted("@app.may_subscribe('chat:{room}')", ("client",), ("channel", "room"))
MOVE = Wanted("@app.on(Move)", ("client", "message"))


async def in_the_loop(client: object) -> None: ...


def in_a_thread(client: object) -> None: ...


class Asking:
    async def __call__(self, client: object) -> None: ...


@pytest.mark.parametrize(
    ("function", "handling", "mode"),
    [
        (in_the_loop, Handling(), "async"),
        (in_a_thread, Handling(), "thread"),
        (in_a_thread, Handling(inline=True), "inline"),
        (Asking(), Handling(), "async"),
        (functools.partial(in_the_loop), Handling(), "async"),
    ],
)
def test_how_a_handler_runs_is_seen_from_how_it_is_written(
    function: Any, handling: Handling, mode: str
) -> None:
    assert make_handler(function, ENTER, handling).mode == mode


def test_a_handler_is_handed_only_the_names_it_takes() -> None:
    values = {"channel": "chat:1", "room": "1"}
    assert make_handler(lambda client, room: 0, ENTER).named(values) == {"room": "1"}
    assert make_handler(lambda client: 0, ENTER).named(values) == {}
    assert make_handler(lambda client, **all_of_them: 0, ENTER).named(values) == values
    assert make_handler(lambda *places, channel: 0, ENTER).named(values) == {"channel": "chat:1"}


def _generator(client: object) -> Iterator[int]:
    yield 1


async def _async_generator(client: object) -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("wanted", "function", "sentence"),
    [
        (MOVE, lambda client: 0, "is called with client and message, and has no parameter for the"),
        (MOVE, lambda *, client, message: 0, "has no parameter for the client"),
        (MOVE, lambda client, message, extra: 0, "nobody hands it 'extra'"),
        (ENTER, lambda client, rooom: 0, "any of channel, room; nobody hands it 'rooom'"),
        (Wanted("@app.on_start"), lambda app: 0, "is called with nothing; nobody hands it 'app'"),
        (ENTER, _generator, "is a generator"),
        (ENTER, _async_generator, "is a generator"),
        (ENTER, "text", "decorates a function"),
    ],
)
def test_a_wrong_signature_is_said_where_it_is_declared(
    wanted: Wanted, function: Any, sentence: str
) -> None:
    with pytest.raises(TypeError) as error:
        make_handler(function, wanted)
    assert sentence in str(error.value)
    assert wanted.label in str(error.value)


def test_an_async_handler_is_in_the_loop_already() -> None:
    with pytest.raises(TypeError, match="in_the_loop is async"):
        make_handler(in_the_loop, ENTER, Handling(inline=True))
