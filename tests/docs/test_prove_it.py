"""The guide's script is run as it stands there, while its server is killed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ServerProcess
from tidewire.testing import violations
from tidewire.testing.checker import check
from tidewire.testing.history import from_lines
from tidewire.testing.violations import Violation

GUIDE = (Path(__file__).parents[2] / "docs/how-to/prove-it.md").read_text("utf-8")
SCRIPT = re.findall(r"^```python\n# prove.py\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)[0]
CONFIG = '[auth]\nanonymous = true\n\n[[channels]]\npattern = "room:{name}"\n'


def test_the_script_proves_a_server_that_is_killed_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "prove.py").write_text(SCRIPT, encoding="utf-8")
    with ServerProcess(CONFIG) as server:
        url = f"ws://127.0.0.1:{server.port}/ws"
        command = [sys.executable, "prove.py", url, "room:proof", "3"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as script:
            assert script.stdout is not None
            assert script.stdout.readline().startswith("1 s: at 10 of ")
            server.kill()
            server.start()
            said = script.stdout.read()
    assert said.endswith("no promise was broken\n")
    assert script.returncode == 0
    history = from_lines((tmp_path / "history.jsonl").read_bytes().splitlines())
    assert len(history) > 100
    assert check(history) == []


def test_the_guide_names_every_finding_there_is() -> None:
    kinds = {name for name, kind in vars(violations).items() if _is_finding(kind)}
    assert set(re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)) == kinds


def _is_finding(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Violation) and not kind.__subclasses__()
