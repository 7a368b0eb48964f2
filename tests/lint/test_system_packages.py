"""What a machine lacks is installed where that is allowed, and else named in one sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/system_packages.sh"
APT = 'echo "apt-get $*" >> "$(dirname "$0")/asked"'


def _machine(folder: Path, **programs: str) -> Path:
    """A folder to be the whole PATH, with these programs and nothing else but the basics."""
    programs = {"dirname": 'exec /usr/bin/dirname "$@"', **programs}
    for name, body in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    return folder


def _ask(folder: Path, what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), what],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("what", "code"), [("python", 1), ("node", 1), ("chromium", 0)])
def test_where_nothing_may_be_installed_one_sentence_says_what_is_missing(
    tmp_path: Path, what: str, code: int
) -> None:
    machine = _machine(tmp_path, id="echo 1000", sudo="exit 1", apt_get=APT)
    answer = _ask(machine, what)
    assert (answer.returncode, answer.stdout) == (code, "")
    assert answer.stderr.startswith("Please install ")
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("rights", [{"id": "echo 0"}, {"id": "echo 1000", "sudo": 'shift; "$@"'}])
def test_root_and_those_who_may_become_root_install_through_apt(
    tmp_path: Path, rights: dict[str, str]
) -> None:
    answer = _ask(_machine(tmp_path, true="exit 0", apt_get=APT, **rights), "chromium")
    assert answer.stdout == "Installing chromium through apt (once)\n"
    assert "--no-install-recommends chromium" in (tmp_path / "asked").read_text()


def test_a_machine_that_has_everything_is_left_alone(tmp_path: Path) -> None:
    answer = _ask(_machine(tmp_path, chromium="exit 0", id="echo 0", apt_get=APT), "chromium")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert not (tmp_path / "asked").exists()
