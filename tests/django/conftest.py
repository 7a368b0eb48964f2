"""One Django for all tests of this room: the example project, on a database of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import django
import pytest
from django.core.management import call_command
from django.db import connection

from tidewire.errors import EngineUnavailable


@pytest.fixture(scope="session", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["DATABASE"] = str(tmp_path_factory.mktemp("django") / "db.sqlite3")
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.support.django_settings"
    django.setup()
    call_command("migrate", verbosity=0)


@pytest.fixture(autouse=True)
def _empty_database(project: None) -> Iterator[None]:
    yield
    call_command("flush", interactive=False, verbosity=0)
    connection.close()


class FakeServer:
    """An outlet that keeps what it is told, or is out of reach."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[str, str, str | None]]] = []
        self.ended: list[str] = []
        self.is_down = False

    def publish(self, drafts: Sequence[object]) -> None:
        self._reach()
        self.batches.append([(each.channel, each.data, each.once) for each in drafts])  # type: ignore[attr-defined]

    def end_session(self, session_id: str) -> None:
        self._reach()
        self.ended.append(session_id)

    def _reach(self) -> None:
        if self.is_down:
            raise EngineUnavailable("out of reach")


@pytest.fixture
def server(project: None) -> Iterator[FakeServer]:
    from tidewire.django.delivery import use

    fake = FakeServer()
    use(fake)
    yield fake
    use(None)
