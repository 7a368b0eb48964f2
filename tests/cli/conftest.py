"""The shell that commands are run in."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import Shell


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    """Leaves logging and ``sys.path`` as they were: commands set both for their process."""
    root, paths, modules = logging.getLogger(), list(sys.path), set(sys.modules)
    handlers, level, raises = list(root.handlers), root.level, logging.raiseExceptions
    yield Shell(tmp_path, capsys)
    root.handlers[:], logging.raiseExceptions = handlers, raises
    root.setLevel(level)
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
