"""What a command finds around it: environment, directory, clock, and the server it hands over to.

The one place that says what ``serve`` and ``demo`` start, so a test can put a
fake there. Imports the server only when it is about to run, so that the small
commands answer at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from tidewire.clock import Clock, SystemClock

if TYPE_CHECKING:
    from tidewire.api import Api
    from tidewire.config import Settings

CreateDemo: TypeAlias = "Callable[[Settings], object]"
Connect: TypeAlias = "Callable[[str, str], Api]"
"""From a URL and a key to a client of the HTTP API."""


class Serve(Protocol):
    """Blocks until the server has stopped; returns the exit code.

    ``read_again`` answers the settings as they are when the server is told to reload them;
    ``listening`` is called once, when clients may come.
    """

    def __call__(
        self,
        settings: Settings,
        app: object | None,
        *,
        read_again: Callable[[], Settings],
        listening: Callable[[], None],
    ) -> int: ...


def run_server(
    settings: Settings,
    app: object | None,
    *,
    read_again: Callable[[], Settings],
    listening: Callable[[], None],
) -> int:
    serve = cast(Serve, import_module("tidewire.compose").serve)
    return serve(settings, app, read_again=read_again, listening=listening)


def connect_api(url: str, key: str) -> Api:
    made: Api = import_module("tidewire.api").Api(url, key)
    return made


def create_demo(settings: Settings) -> object:
    return cast(CreateDemo, import_module("tidewire.demo").create_app)(settings)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Handed to every command as click's context object."""

    environment: MutableMapping[str, str] = field(default_factory=lambda: os.environ)
    arguments: tuple[str, ...] = ()
    directory: Path = field(default_factory=Path)
    clock: Clock = field(default_factory=SystemClock)
    serve: Serve = run_server
    create_demo: CreateDemo = create_demo
    connect: Connect = connect_api
