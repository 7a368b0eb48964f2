"""What every test shares: which may not run beside each other, and patience with a busy machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Generated tests look for wrong answers, not for slow ones: a busy machine must not fail them.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

ALONE = ("conformance", "docs", "faults", "system")
"""Rooms whose tests start whole processes; on one worker they do not starve each other."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    for item in items:
        if item.path.relative_to(tests).parts[0] in ALONE:
            item.add_marker(pytest.mark.xdist_group("processes"))
