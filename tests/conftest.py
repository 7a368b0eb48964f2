"""What every test shares: which tests may not run beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

ALONE = ("conformance", "docs", "faults", "system")
"""Rooms whose tests start whole processes; on one worker they do not starve each other."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    for item in items:
        if item.path.relative_to(tests).parts[0] in ALONE:
            item.add_marker(pytest.mark.xdist_group("processes"))
