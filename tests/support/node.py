"""A script run by Node beside the server: JSON lines in, JSON lines out.

The script reports with ``report`` of ``tests/system/seed/stage.js``. Ends what it
started and nothing else.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeAlias, cast

Report: TypeAlias = dict[str, Any]

PACKAGES = Path(__file__).parents[1] / "javascript" / "node_modules"
DEADLINE_S = 60.0
"""For one report. Far more than a busy machine needs: reaching it means that none comes."""


@dataclass
class NodeProcess:
    """``node script arguments...``, from entering to leaving."""

    script: Path
    arguments: tuple[str, ...] = ()
    _buffer: bytearray = field(default_factory=bytearray, init=False)
    _seen: list[Report] = field(default_factory=list, init=False)

    def __enter__(self) -> NodeProcess:
        self.process = subprocess.Popen(
            [_node(), str(self.script), *self.arguments],
            env={**os.environ, "NODE_PATH": str(PACKAGES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self._pipe("stdin"), self._pipe("stdout")):
            pipe.close()

    def send(self, value: Mapping[str, object]) -> None:
        pipe = self._pipe("stdin")
        pipe.write(json.dumps(value).encode() + b"\n")
        pipe.flush()

    def receive(self) -> Report:
        """The next report; fails when none comes."""
        deadline = time.monotonic() + DEADLINE_S
        while b"\n" not in self._buffer:
            self._read_more(deadline - time.monotonic())
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer[:] = rest
        report: Report = json.loads(line)
        self._seen.append(report)
        return report

    def expect(self, kind: str, **fields: object) -> Any:
        """The value of the next report of ``kind``, with these fields where it has fields."""
        while True:
            report = self.receive()
            value = report["value"]
            if report["kind"] == kind and (not fields or fields.items() <= value.items()):
                return value

    def _read_more(self, within_s: float) -> None:
        pipe = self._pipe("stdout")
        is_ready = select.select([pipe], [], [], max(0.0, within_s))[0]
        assert is_ready, f"the script reports nothing more; so far {self._seen[-6:]}"
        data = os.read(pipe.fileno(), 65_536)
        assert data, f"the script ended; before that {self._seen[-6:]}"
        self._buffer += data

    def _pipe(self, name: str) -> IO[bytes]:
        return cast(IO[bytes], getattr(self.process, name))


def _node() -> str:
    found = shutil.which("node")
    assert found is not None, "Please install Node 20 or newer with npm."
    assert PACKAGES.is_dir(), f"Please run npm ci in {PACKAGES.parent.name} (make test does)."
    return found
