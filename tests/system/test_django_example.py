"""The Django example: in one process with the server, and under WSGI beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.asynchronous import wait_until
from tests.support.backends import KEY
from tests.support.processes import ServerProcess, free_port
from tests.support.wire import RawConnection
from tidewire.security.api_keys import line_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "examples/django_rooms/README.md").read_text("utf-8")
LIVE = "examples.django_rooms.asgi:live"
PASSWORD = "a long one"

PEOPLE = f"""
from django.contrib.auth import get_user_model
from examples.django_rooms.rooms.models import Room
people = get_user_model().objects
room = Room.objects.create(slug="garden")
for name in ("ann", "bob"):
    room.members.add(people.create_user(name, password={PASSWORD!r}))
people.create_user("eve", password={PASSWORD!r})
"""

WSGI = """
import sys
from wsgiref.simple_server import make_server
from examples.django_rooms.wsgi import application
make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
"""

pytestmark = pytest.mark.xdist_group("django")


@dataclass
class Project:
    """The running server, and the environment of the project's other processes."""

    server: ServerProcess
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"


def manage(environment: dict[str, str], *words: str) -> None:
    command = [sys.executable, "-m", "examples.django_rooms.manage", *words]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    database = tmp_path_factory.mktemp("project") / "db.sqlite3"
    settings = {
        "DATABASE": str(database),
        "DJANGO_SETTINGS_MODULE": "tests.support.django_settings",
    }
    environment = {**os.environ, **settings}
    manage(environment, "migrate")
    manage(environment, "shell", "-c", PEOPLE)
    server = ServerProcess(
        config=f'[api]\nkeys = ["{line_of("django", KEY)}"]\n',
        flags=(LIVE, "--app-dir", str(ROOT)),
        environment=settings,
    )
    with server:
        yield Project(server, environment)


class Browser:
    """Somebody at a page of the project, logged in."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._cookies = httpx.get(url).cookies
        assert self.post("/login", name=name, password=PASSWORD) == 204

    def post(self, path: str, **form: str) -> int:
        headers = {"X-CSRFToken": self._cookies["csrftoken"]}
        answer = httpx.post(self._url + path, data=form, headers=headers, cookies=self._cookies)
        self._cookies.update(answer.cookies)
        return answer.status_code

    @property
    def cookie(self) -> tuple[str, str]:
        return ("Cookie", f"sessionid={self._cookies['sessionid']}")

    def enter(self, server: ServerProcess) -> RawConnection:
        """A WebSocket as a page of the project opens it."""
        return server.join(self.cookie, ("Origin", f"http://127.0.0.1:{server.port}"))


def listen(page: RawConnection) -> Any:
    return page.ask_json({"type": "subscribe", "channel": "room:garden", "id": 1})


def test_members_of_a_room_see_what_a_view_saved(project: Project) -> None:
    ann, bob = Browser(project.url, "ann"), Browser(project.url, "bob")
    with ann.enter(project.server) as one, bob.enter(project.server) as other:
        assert [listen(page)["type"] for page in (one, other)] == ["subscribed"] * 2
        assert ann.post("/rooms/garden/messages", text="hello") == 201
        for page in (one, other):
            assert page.expect("message")["data"]["text"] == "hello"


def test_who_is_no_member_may_not_even_listen(project: Project) -> None:
    """Catalogue 73."""
    with Browser(project.url, "eve").enter(project.server) as page:
        assert listen(page)["code"] == "forbidden"


def test_nobody_comes_in_without_a_session(project: Project) -> None:
    with project.server.connect() as stranger:
        assert stranger.handshake(("Cookie", "sessionid=invented")).status in {401, 403}


def test_a_logout_ends_the_pages_of_that_browser_and_no_others(project: Project) -> None:
    here, there = Browser(project.url, "ann"), Browser(project.url, "ann")
    with here.enter(project.server) as ended, there.enter(project.server) as kept:
        listen(kept)
        assert here.post("/logout") == 204
        assert ended.close_code().code in {4001, 4003}
        assert there.post("/rooms/garden/messages", text="still here") == 201
        assert kept.expect("message")["data"]["text"] == "still here"


def test_under_wsgi_the_same_view_publishes_over_http(project: Project) -> None:
    port = free_port()
    api = {"TIDEWIRE_API_URL": project.url, "TIDEWIRE_API_KEY": KEY}
    wsgi = subprocess.Popen(
        [sys.executable, "-c", WSGI, str(port)],
        env={**project.environment, **api},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(port), "the WSGI server answers")
        with Browser(project.url, "bob").enter(project.server) as page:
            listen(page)
            ann = Browser(f"http://127.0.0.1:{port}", "ann")
            assert ann.post("/rooms/garden/messages", text="from afar") == 201
            assert page.expect("message")["data"]["text"] == "from afar"
    finally:
        wsgi.kill()
        wsgi.wait()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    except httpx.HTTPError:
        return False


def test_the_readme_names_what_is_tested_here() -> None:
    assert f"tidewire serve {LIVE}" in README
