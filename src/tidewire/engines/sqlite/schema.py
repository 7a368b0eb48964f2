"""The database file: its format, and everything that may be wrong with it at the start.

A file that is not ours is never written to: it is looked at before anything is set.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from tidewire.errors import StartFailed

APPLICATION_ID = 0x54574952
""""TWIR", in the file's header (see file(1) and sqlite.org/fileformat.html)."""

FORMAT_VERSION = 1
"""In ``user_version``. Raised whenever an older Tidewire could not read what is written."""

BUSY_TIMEOUT_S = 5.0
"""For another's lock: a backup, or somebody who looks at the file with another tool."""

TABLES = """
CREATE TABLE channels (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    tag TEXT NOT NULL,
    first INTEGER NOT NULL,      -- the oldest entry kept; more than seq where none is
    ttl_ms INTEGER NOT NULL,
    keys INTEGER NOT NULL,       -- rows in latest, and their bytes
    key_bytes INTEGER NOT NULL
);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,      -- rises with time over all channels
    channel INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (channel, seq)
);
CREATE TABLE latest (
    id INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL,
    key TEXT NOT NULL,
    seq INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    expires_at INTEGER,
    body TEXT NOT NULL,
    UNIQUE (channel, key)
);
CREATE INDEX latest_by_end ON latest (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE once (
    channel TEXT NOT NULL,
    user TEXT NOT NULL,
    key TEXT NOT NULL,
    until INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (channel, user, key)
) WITHOUT ROWID;
CREATE INDEX once_by_end ON once (until);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('lease_token', 0);
"""


class FileLock:
    """The right to be the only Tidewire that writes a database, while this process lives.

    A lock on a file beside it, not on the database: that one's locks are SQLite's, and an
    exclusive one would keep our own readers out. The kernel lets go of it with the process,
    so nothing is left to clean up after a ``kill -9``; the empty file stays.
    """

    def __init__(self, database: Path) -> None:
        """Raises ``StartFailed``."""
        path = database.with_name(database.name + ".lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartFailed(f"{path} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise StartFailed(f"{database} is in use by another Tidewire") from None

    def release(self) -> None:
        os.close(self._file)


def why_unusable(path: Path) -> str | None:
    """What keeps the file at ``path`` from being the engine's, in one sentence; None: nothing.

    Changes nothing.
    """
    try:
        return _why_unusable(path.absolute())
    except OSError as error:
        return f"{path} cannot be used: {error.strerror}"


def _why_unusable(path: Path) -> str | None:
    folder = path.parent
    if path.is_dir():
        return f"{path} is a directory"
    if not folder.is_dir():
        return f"the directory {folder} does not exist"
    if not os.access(folder, os.W_OK, effective_ids=True):
        return f"the directory {folder} cannot be written"
    if not path.exists():
        return None
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        return f"{path} cannot be written"
    return _why_foreign(path)


def _why_foreign(path: Path) -> str | None:
    try:
        with closing(sqlite3.connect(_uri(path, "ro"), uri=True, timeout=BUSY_TIMEOUT_S)) as file:
            application, version, tables = (
                file.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version", "schema_version")
            )
    except sqlite3.Error as error:
        return f"{path} cannot be read as a database: {error}"
    if not (application or version or tables):
        return None  # empty, so nobody's
    if application != APPLICATION_ID:
        return f"{path} is a database of something else than Tidewire"
    if version > FORMAT_VERSION:
        return f"{path} was written by a newer Tidewire (format {version}, not {FORMAT_VERSION})"
    return None


def connect_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes, the tables made where they are not there yet.

    To be used by one thread, but made in another. Raises ``StartFailed``.
    """
    if reason := why_unusable(path):
        raise StartFailed(reason)
    try:
        file = sqlite3.connect(
            _uri(path, "rwc"),
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        if mode := _set_up(file):
            raise StartFailed(f"{path} is on a file system without WAL: its mode is {mode}")
    except sqlite3.Error as error:
        raise StartFailed(f"{path} cannot be opened: {error}") from None
    return file


def _set_up(file: sqlite3.Connection) -> str | None:
    """The journal's mode where it is not the one that was asked for."""
    (mode,) = file.execute("PRAGMA journal_mode = WAL").fetchone()
    file.execute("PRAGMA synchronous = FULL")  # fsync at every commit: acknowledged means kept
    if file.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        file.executescript(
            f"BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {FORMAT_VERSION}; COMMIT;"
        )
    return None if mode == "wal" else str(mode)


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. To be used by one thread at a time."""
    return sqlite3.connect(
        _uri(path, "ro"),
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(str(path.absolute()))}?mode={mode}"
