"""A real process that writes a database is killed, many times: what it acknowledged is there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from tests.support.acknowledging import CHANNELS, OPTIONS
from tests.support.asynchronous import run
from tests.support.stores import life
from tidewire.engines.base import Query, Replay

LIVES = 25
LEAST_BYTES, MOST_BYTES = 1_000, 200_000
"""Of acknowledgements read before the kill: from the first transactions to some hundred."""


def _killed_after(path: Path, size: int) -> list[str]:
    """What a process acknowledged until it was killed, whole lines only."""
    command = [sys.executable, "-m", "tests.support.acknowledging", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = b""
        while len(said) < size:
            chunk = os.read(process.stdout.fileno(), 65_536)
            assert chunk, "the process ended by itself"
            said += chunk
        process.kill()
        said += process.stdout.read()
    return said.decode().split("\n")[:-1]


async def _kept(path: Path) -> list[str]:
    """Every entry that is there, as lines of the same kind; each log is whole."""
    lines = []
    async with life(path) as stand:
        for channel in CHANNELS:
            page = await stand.engine.read(channel, OPTIONS, Query())
            assert isinstance(page.found, Replay)
            entries = page.found.entries
            assert [each.seq for each in entries] == list(range(1, page.head.seq + 1))
            lines += [
                f"{channel} {page.head.epoch} {each.seq} {each.tag} {each.data}" for each in entries
            ]
            snapshot = await stand.engine.snapshot(channel, OPTIONS)
            latest = {each.key: each for each in entries}
            assert {each.key: each for each in snapshot.entries} == latest
    return lines


def test_every_acknowledged_publication_survives_being_killed(tmp_path: Path) -> None:
    """Catalogue 90. One process after another writes the same file, and each is killed."""
    path = tmp_path / "history.db"
    chance = random.Random(7)
    acknowledged: list[str] = []
    for _ in range(LIVES):
        acknowledged += _killed_after(path, chance.randint(LEAST_BYTES, MOST_BYTES))
    kept = run(_kept(path))
    assert len(acknowledged) > LIVES * 20
    assert set(acknowledged) <= set(kept)
    assert len(set(kept)) == len(kept)
