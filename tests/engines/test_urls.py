"""Which engine a URL stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidewire.engines.urls import database_of


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("memory://", None),
        ("sqlite:///history.db", Path("history.db")),
        ("sqlite:///data/history.db", Path("data/history.db")),
        ("sqlite:////var/lib/history.db", Path("/var/lib/history.db")),
    ],
)
def test_a_url_names_an_engine_and_its_file(url: str, database: Path | None) -> None:
    assert database_of(url) == database


@pytest.mark.parametrize(
    "url", ["", "memory", "memory://x", "sqlite://", "sqlite:///", "sqlite://x.db", "redis://x"]
)
def test_anything_else_is_refused_with_what_would_be_right(url: str) -> None:
    with pytest.raises(ValueError, match=r"names no engine: memory://, sqlite:///history\.db or"):
        database_of(url)
