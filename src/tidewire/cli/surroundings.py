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
from typing import TypeAlias, cast

from tidewire.clock import Clock, SystemClock
from tidewire.config import Settings

Serve: TypeAlias = Callable[[Settings, object | None], int]
CreateDemo: TypeAlias = Callable[[Settings], object]


def run_server(settings: Settings, app: object | None) -> int:
    """Blocks until the server has stopped; returns the exit code."""
    return cast(Serve, import_module("tidewire.compose").serve)(settings, app)


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
