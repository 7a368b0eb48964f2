"""The guide says what ``tidewire verify`` prints and what its checker finds."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.processes import ServerProcess
from tidewire.cli import main
from tidewire.cli.verify import COUNTED
from tidewire.testing import violations
from tidewire.testing.checker import check
from tidewire.testing.history import from_lines
from tidewire.testing.score import Broken
from tidewire.testing.violations import Violation

GUIDE = (Path(__file__).parents[2] / "docs/how-to/prove-it.md").read_text("utf-8")
CONFIG = '[auth]\nanonymous = true\n\n[[channels]]\npattern = "room:{name}"\n'


def test_what_was_recorded_can_be_judged_again(tmp_path: Path) -> None:
    kept = tmp_path / "history.jsonl"
    with ServerProcess(CONFIG) as server:
        options = ["--for", "1s", "--channel", "room:proof", "--record", str(kept)]
        assert main(["verify", f"http://127.0.0.1:{server.port}", *options]) == 0
    history = from_lines(kept.read_bytes().splitlines())
    assert len(history) > 20
    assert check(history) == []


def test_the_guide_shows_every_number_and_what_it_means() -> None:
    shown = re.findall(r"^(\w+) +[\d,]+(?:  (.+))?$", GUIDE, re.MULTILINE)
    assert shown == [*COUNTED.items(), *((name, "") for name in Broken.__struct_fields__)]


def test_the_guide_names_every_finding_there_is() -> None:
    kinds = {name for name, kind in vars(violations).items() if _is_finding(kind)}
    assert set(re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)) == kinds


def _is_finding(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Violation) and not kind.__subclasses__()
