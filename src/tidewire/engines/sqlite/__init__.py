"""SQLite engine: history on disk, for one process.

``engine`` is the event loop's side, ``writer`` the thread that makes one
transaction of each tick, ``batch`` what such a transaction decides and writes
(``maps`` the latest per key, ``repeats`` the ``once`` keys),
``ledger`` where every channel stands, ``sweeper`` what is let go of, ``reader``
the connections that only read, ``rows`` and ``schema`` the file's format.
"""

from tidewire.engines.sqlite.engine import SqliteEngine, SqliteLimits
from tidewire.engines.sqlite.schema import why_unusable

__all__ = ["SqliteEngine", "SqliteLimits", "why_unusable"]
