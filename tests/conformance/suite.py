"""The Autobahn test suite on this machine: found, set up on demand, and run against a server.

The suite is Python 2 only. With a Python 2.7 it gets an environment of its own in
``.cache/autobahn``, kept between runs; without one, Docker runs the suite's image.
Judges nothing: ``verdicts`` reads the index a run leaves behind.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

CACHE = Path(__file__).parents[2] / ".cache" / "autobahn"
SUITE = "autobahntestsuite==25.10.1"
VIRTUALENV = "virtualenv==20.15.1"
"""The last one that can make an environment for Python 2.7."""
IMAGE = "crossbario/autobahn-testsuite:25.10.1"
READY = CACHE / f"ready-{SUITE}"
AGENT = "tidewire"

SETUP_TIMEOUT_S = 900
RUN_TIMEOUT_S = 3600
"""All 517 cases take a quarter of an hour; four times that, and something hangs."""

Wstest: TypeAlias = Callable[[Path], Sequence[str]]
"""The command line that runs the suite on the ``spec.json`` of a folder."""


class SuiteMissingError(Exception):
    """The suite cannot run here. One sentence says what is missing."""


def find_suite() -> Wstest:
    """How to run the suite here, once whatever it needs is set up."""
    python = _find_python()
    if python is not None:
        _set_up(python)
        return lambda folder: [str(CACHE / "venv/bin/wstest"), *_arguments(folder)]
    if _has_docker():
        return _docker_command
    raise SuiteMissingError(
        "the Autobahn suite needs Python 2.7 or a running Docker; neither is here"
    )


def _arguments(folder: Path) -> list[str]:
    return ["-m", "fuzzingclient", "-s", str(folder / "spec.json")]


def _docker_command(folder: Path) -> list[str]:
    share = ["--network", "host", "--volume", f"{folder}:{folder}", "--workdir", str(folder)]
    return ["docker", "run", "--rm", *share, IMAGE, "wstest", *_arguments(folder)]


def _has_docker() -> bool:
    """Whether an engine answers; the client alone is no use."""
    if shutil.which("docker") is None:
        return False
    return _succeeds(["docker", "version", "--format", "{{.Server.Version}}"])


def _find_python() -> Path | None:
    return next((python for python in _pythons() if _is_python_2(python)), None)


def _pythons() -> Iterator[Path]:
    """Candidates: ``PYTHON27``, the search path, and what pyenv has installed."""
    for name in (os.environ.get("PYTHON27"), "python2.7", "python2"):
        if name and (found := shutil.which(name)):
            yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/2.7*/bin/python2.7"))


def _is_python_2(python: Path) -> bool:
    """It runs (a shim of pyenv may not), and has pip."""
    return _succeeds([str(python), "-c", "import sys, pip; assert sys.version_info[:2] == (2, 7)"])


def _succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _set_up(python: Path) -> None:
    """An environment with the suite in it, made once (about half a minute)."""
    if READY.exists():
        return
    shutil.rmtree(CACHE, ignore_errors=True)
    CACHE.mkdir(parents=True)
    tools, venv = CACHE / "tools", CACHE / "venv"
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([str(python), *pip, "--target", str(tools), VIRTUALENV])
    _run([str(python), "-m", "virtualenv", "--quiet", str(venv)], PYTHONPATH=str(tools))
    _run([str(venv / "bin/python"), *pip, SUITE])
    READY.touch()


def _run(command: Sequence[str], **environment: str) -> None:
    try:
        subprocess.run(
            command,
            env={**os.environ, **environment},
            capture_output=True,
            timeout=SETUP_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        output = getattr(error, "stderr", None) or b""
        last = output.decode(errors="replace").strip().rpartition("\n")[2]
        raise SuiteMissingError(f"the Autobahn suite cannot be set up: {last or error}") from error


def run_cases(wstest: Wstest, url: str, cases: Sequence[str], folder: Path) -> Path:
    """Run ``cases`` against the server at ``url``; the path of the index of what was found.

    ``wstest`` exits with 0 whatever fails, so its exit code only says that it ran.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(_spec(url, cases, folder)), "utf-8")
    with (folder / "wstest.log").open("wb") as log:
        command = wstest(folder)
        subprocess.run(command, stdout=log, stderr=log, timeout=RUN_TIMEOUT_S, check=True)
    return folder / "out" / "index.json"


def _spec(url: str, cases: Sequence[str], folder: Path) -> dict[str, object]:
    return {
        "outdir": str(folder / "out"),
        "servers": [{"agent": AGENT, "url": url}],
        "cases": list(cases),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
