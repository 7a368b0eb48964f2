"""A real server process for a test: started, waited for, measured, ended.

Talks to the process only as an operator does: command line, signals, HTTP and
/proc. Ends what it started and nothing else.
"""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.support.asynchronous import wait_until
from tests.support.wire import PATH, RawConnection, Response, join, request

START_TIMEOUT_S = 60.0
"""A start takes about a second; on a machine this busy something is wrong."""

LOG_TAIL_LINES = 40

PORTS = (10_240, 32_000)
"""Below the range from which the kernel takes ports for outgoing connections, so that no other
test's client can take the port between our look at it and the server's start."""


def free_port() -> int:
    """A port nobody listens on, found by binding it."""
    for _ in range(100):
        port = random.randrange(*PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port in a hundred tries")


@dataclass
class ServerProcess:
    """``tidewire serve`` (or another ``command``) in a process of its own.

    ``config`` is the text of a tidewire.toml, ``app`` that of a module with an
    ``app`` to serve. Both lie in ``folder``, where the process runs. Entering
    waits until the server says it is ready; leaving kills it, shows the end of
    its log if the test failed, and fails if the server itself logged an error.
    """

    config: str = ""
    app: str = ""
    flags: tuple[str, ...] = ()
    command: str = "serve"
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    def __enter__(self) -> ServerProcess:
        self._folder = tempfile.TemporaryDirectory(prefix="tidewire-")
        with ExitStack() as on_failure:
            on_failure.callback(self._folder.cleanup)
            self.start()
            on_failure.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        complaints = self.complaints()
        if kind is not None or complaints:
            print(f"--- the server's log ends with:\n{self.log_tail()}")
        self._folder.cleanup()
        assert kind is not None or not complaints, complaints

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start, or start again on the same port after ``kill`` or ``wait``."""
        (self.folder / "tidewire.toml").write_text(self.config, encoding="utf-8")
        (self.folder / "application.py").write_text(self.app, encoding="utf-8")
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self._command_line(),
                env=self._environment(),
                cwd=self._folder.name,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(self._is_ready, "the server is ready", timeout_s=START_TIMEOUT_S)
        except BaseException:
            self.kill()
            print(f"--- the server's log ends with:\n{self.log_tail()}")
            raise

    def _command_line(self) -> list[str]:
        python = [sys.executable, "-m", "tidewire", self.command]
        app = ["application:app"] if self.app else []
        return [*python, *app, "--config", "tidewire.toml", "--port", str(self.port), *self.flags]

    def _environment(self) -> dict[str, str]:
        """Ours without any setting of a server that the developer's shell may hold."""
        ours = {key: value for key, value in os.environ.items() if "TIDEWIRE" not in key}
        ours.pop("PORT", None)
        return {**ours, **self.environment}

    def _is_ready(self) -> bool:
        code = self.process.poll()
        assert code is None, f"the server ended with {code} instead of starting"
        try:
            return self.get("/readyz").status == 200
        except (OSError, AssertionError):
            return False

    def terminate(self) -> None:
        """SIGTERM: ask it to drain."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, and reap. Harmless when it has ended already."""
        self.process.kill()
        self.process.wait()

    def wait(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(timeout=START_TIMEOUT_S)

    # -- talking to it -------------------------------------------------------------------------

    def connect(
        self, *, source: str = "127.0.0.1", receive_buffer_bytes: int | None = None
    ) -> RawConnection:
        """A TCP connection on which nothing has been said yet."""
        return RawConnection(self.port, source, receive_buffer_bytes)

    def join(
        self,
        *extra: tuple[str, str],
        path: str = PATH,
        source: str = "127.0.0.1",
        receive_buffer_bytes: int | None = None,
    ) -> RawConnection:
        """An open WebSocket that has been greeted."""
        size = receive_buffer_bytes
        return join(self.port, *extra, path=path, source=source, receive_buffer_bytes=size)

    def get(self, path: str, *extra: tuple[str, str]) -> Response:
        headers = [("Host", f"127.0.0.1:{self.port}"), ("Connection", "close"), *extra]
        with RawConnection(self.port) as connection:
            return connection.ask(request(headers, line=f"GET {path} HTTP/1.1"))

    def metric(self, name: str, **labels: str) -> float:
        """A sample of /metrics, summed over the labels not given; 0 while there is none yet."""
        text = self.get("/metrics").body.decode()
        assert f"# TYPE {name} " in text, f"there is no metric {name}"
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line.rpartition(" ") for line in text.splitlines()]
        return sum(
            float(value)
            for sample, _, value in lines
            if sample.partition("{")[0] == name and all(label in sample for label in wanted)
        )

    # -- watching it ---------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        return Path(self._folder.name)

    @property
    def log_path(self) -> Path:
        return self.folder / "server.log"

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def log_tail(self) -> str:
        return "\n".join(self.log().splitlines()[-LOG_TAIL_LINES:])

    def complaints(self) -> list[str]:
        """Lines that a server logs only when it failed itself, whatever its peers did."""
        marks = ("Traceback", '"level": "error"', '"level": "critical"', "Warning:")
        return [line for line in self.log().splitlines() if any(mark in line for mark in marks)]

    def is_running(self) -> bool:
        return self.process.poll() is None

    def resident_bytes(self) -> int:
        status = self._proc("status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None, status
        return int(found[1]) * 1024

    def cpu_s(self) -> float:
        """Processor seconds used so far, in user and kernel mode."""
        fields = self._proc("stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self) -> int:
        return len(list(self._proc("fd").iterdir()))

    def _proc(self, name: str) -> Path:
        return Path("/proc") / str(self.process.pid) / name
