"""Runs a command in this process, with a server that only notes what it was started with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tidewire.api import Api
from tidewire.cli import main
from tidewire.cli.surroundings import Surroundings
from tidewire.config import Settings
from tidewire.errors import TidewireError
from tidewire.testing.clock import FakeClock

SECRET = "0123456789abcdef" * 2


@dataclass
class FakeServer:
    """Notes what it is started with; ends with ``outcome``, an exit code or an error."""

    outcome: int | TidewireError = 0
    started: list[tuple[Settings, object | None]] = field(default_factory=list)
    read_again: Callable[[], Settings] | None = None

    def serve(
        self,
        settings: Settings,
        app: object | None,
        *,
        read_again: Callable[[], Settings],
        listening: Callable[[], None],
    ) -> int:
        self.started.append((settings, app))
        self.read_again = read_again
        if isinstance(self.outcome, TidewireError):
            raise self.outcome
        listening()
        return self.outcome

    @property
    def settings(self) -> Settings:
        return self.started[-1][0]

    @property
    def app(self) -> object | None:
        return self.started[-1][1]


@dataclass
class Result:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """A place to run commands in: an empty directory, an empty environment, a clock that stands."""

    directory: Path
    capture: pytest.CaptureFixture[str]
    server: FakeServer = field(default_factory=FakeServer)
    clock: FakeClock = field(default_factory=FakeClock)
    remote: httpx.MockTransport | None = None
    """What commands that ask a server are answered by."""

    environment: dict[str, str] = field(default_factory=dict)
    """What the last command found, and left."""

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Result:
        self.capture.readouterr()
        self.environment = dict(environment or {})
        around = Surroundings(
            environment=self.environment,
            directory=self.directory,
            clock=self.clock,
            serve=self.server.serve,
            create_demo=lambda settings: "the demo",
            connect=self.connect,
        )
        code = main(arguments, around)
        return Result(code, *self.capture.readouterr())

    def connect(self, url: str, key: str) -> Api:
        return Api(url, key, retries=0, transport=self.remote)

    def write(self, name: str, text: str) -> str:
        """A file in the directory; returns its path."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)
