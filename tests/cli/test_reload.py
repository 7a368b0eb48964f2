import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from tests.support.asynchronous import wait_until
from tests.support.processes import ServerProcess
from tidewire.cli.reload import Reloader, changes, end, snapshot

ANSWERS = """
async def app(scope, receive, send):
    length = [(b"content-length", b"3")]
    await send({{"type": "http.response.start", "status": 200, "headers": length}})
    await send({{"type": "http.response.body", "body": b"{}"}})
"""
RUNS_UNTIL_TOLD = "import signal\nsignal.pause()\n"
SAYS = "from pathlib import Path\nwith Path('said').open('a') as file: file.write('{} ')\n"


@dataclass
class FakeChild:
    """A process that does as the test says."""

    code: int | None = None
    ignores_terminate: bool = False
    signals: list[str] = field(default_factory=list)

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.signals.append("terminate")
        if not self.ignores_terminate:
            self.code = -signal.SIGTERM

    def kill(self) -> None:
        self.signals.append("kill")
        self.code = -signal.SIGKILL

    def wait(self, timeout: float | None = None) -> int:
        if self.code is None:
            raise subprocess.TimeoutExpired("child", timeout or 0)
        return self.code


@dataclass
class Story:
    """Children one after the other, and what happens between two looks at the files."""

    children: list[FakeChild]
    happenings: list[Literal["nothing", "save", "stop"]]
    saves: int = 0
    started: int = 0

    def run(self) -> int:
        self.reloader = Reloader(self._start, lambda: {"app.py": self.saves}, self._pause)
        return self.reloader.run()

    def _start(self) -> FakeChild:
        self.started += 1
        return self.children[self.started - 1]

    def _pause(self) -> None:
        match self.happenings.pop(0):
            case "save":
                self.saves += 1
            case "stop":
                self.reloader.stop()


def test_a_saved_file_replaces_the_child_by_a_new_one() -> None:
    story = Story([FakeChild(), FakeChild()], ["nothing", "save", "nothing", "stop"])
    assert story.run() == 0
    assert [child.signals for child in story.children] == [["terminate"], ["terminate"]]


def test_a_child_that_fails_is_started_again_at_the_next_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    story = Story([FakeChild(code=3), FakeChild()], ["nothing", "nothing", "save", "stop"])
    assert story.run() == 0
    assert story.started == 2
    assert capsys.readouterr().err.count("waiting for a change") == 1


def test_a_child_that_ends_well_ends_the_parent() -> None:
    story = Story([FakeChild(code=0)], [])
    assert story.run() == 0
    assert story.started == 1


def test_a_child_that_does_not_stop_is_killed() -> None:
    child = FakeChild(ignores_terminate=True)
    assert end(child) == -signal.SIGKILL
    assert child.signals == ["terminate", "kill"]


def test_new_gone_and_written_files_are_changes() -> None:
    before = {"same": 1, "written": 1, "gone": 1}
    assert changes(before, {"same": 1, "written": 2, "new": 1}) == {"written", "gone", "new"}


def test_only_source_and_configuration_is_watched(tmp_path: Path) -> None:
    for name in ("a.py", "b.toml", "c.txt", "sub/d.py", ".venv/e.py", "node_modules/f.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "broken.py").symlink_to(tmp_path / "nowhere")
    watched = {str(Path(path).relative_to(tmp_path)) for path in snapshot([tmp_path])}
    assert watched == {"a.py", "b.toml", "sub/d.py"}


@dataclass
class Project:
    """A real ``tidewire serve --reload`` of the module ``live`` in a directory of its own."""

    directory: Path
    process: subprocess.Popen[bytes]

    def save(self, source: str) -> None:
        write(self.directory, source)

    def said(self) -> list[str]:
        path = self.directory / "said"
        return path.read_text().split() if path.exists() else []

    def hears(self, *words: str) -> None:
        wait_until(lambda: self.said() == list(words), f"the application said {words}")


def write(directory: Path, source: str) -> None:
    """As editors save: the whole file at once, never half of it."""
    (directory / "new").write_text(source)
    (directory / "new").replace(directory / "live.py")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    write(tmp_path, SAYS.format("one") + RUNS_UNTIL_TOLD)
    command = [sys.executable, "-m", "tidewire", "serve", "live:app", "--reload", "--anonymous"]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PORT": "0"})
    yield Project(tmp_path, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0, "told to stop, it has stopped well"


def test_a_real_server_is_started_anew_when_its_module_changes(project: Project) -> None:
    project.hears("one")
    project.save(SAYS.format("two") + RUNS_UNTIL_TOLD)
    project.hears("one", "two")


def test_a_real_server_with_a_mistake_comes_back_when_it_is_mended(project: Project) -> None:
    project.hears("one")
    project.save(SAYS.format("broken") + "1 / 0\n")
    project.hears("one", "broken")
    project.save(SAYS.format("mended") + RUNS_UNTIL_TOLD)
    project.hears("one", "broken", "mended")


@pytest.fixture
def live_server(tmp_path: Path) -> Iterator[ServerProcess]:
    write(tmp_path, ANSWERS.format("one"))
    flags = ("live:app", "--app-dir", str(tmp_path), "--reload", "--anonymous")
    with ServerProcess(flags=flags) as server:
        yield server
        server.terminate()
        assert server.wait() == 0


def answer(server: ServerProcess) -> bytes:
    try:
        return server.get("/anything").body
    except (OSError, AssertionError):
        return b"(between two servers)"


def test_the_same_port_answers_with_the_new_source(
    live_server: ServerProcess, tmp_path: Path
) -> None:
    assert answer(live_server) == b"one"
    write(tmp_path, ANSWERS.format("two"))
    wait_until(lambda: answer(live_server) == b"two", "the new source answers")
