"""Which engine a URL stands for. Opens nothing."""

from __future__ import annotations

from pathlib import Path

MEMORY = "memory://"
SQLITE = "sqlite:///"


def database_of(url: str) -> Path | None:
    """The file of a ``sqlite://`` URL; None for ``memory://``. Raises ``ValueError``.

    As in SQLAlchemy's URLs, three slashes are followed by a path from the current
    directory, four begin an absolute one.
    """
    if url == MEMORY:
        return None
    if not url.startswith(SQLITE) or url == SQLITE:
        raise ValueError(
            f'"{url}" names no engine: {MEMORY}, {SQLITE}history.db or {SQLITE}/var/lib/history.db'
        )
    return Path(url.removeprefix(SQLITE))
