from pathlib import Path

import pytest

from tidewire.cli.reference import pages

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", pages())
def test_the_reference_says_what_the_code_does(name: str) -> None:
    """When it fails: ``python -m tidewire.cli.reference docs/reference``."""
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages()[name]


def test_every_option_says_what_it_does() -> None:
    rows = [line for line in pages()["command-line.md"].splitlines() if line.startswith("| `")]
    assert rows
    assert not [row for row in rows if row.endswith("|  |")]
