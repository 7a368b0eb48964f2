"""Publishing over the HTTP API: one at a time, and a hundred in a batch.

    python -m bench.api [--seconds 5] [--connections 8]

Starts a server with an API key and one channel with history, sends it the same request
over kept-open connections as fast as it answers, and prints publishes per second and
what each cost the server's processor. The sender is plain asyncio, cheaper than what it
measures; on two cores each has one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.measure import usage_of
from bench.servers import free_port
from tidewire.security.api_keys import line_of

KEY = "twk_" + "b" * 43
BATCH = 100
WARM_UP_S = 0.5
START_S = 30.0

CONFIG = f"""
[auth]
anonymous = true
[api]
keys = ["{line_of("bench", KEY)}"]
[[channels]]
pattern = "bench"
history_size = 100
"""

PUBLISH = {"channel": "bench", "data": {"text": "as long as a short line of a chat, or so"}}


@dataclass(frozen=True)
class Result:
    """``publishes`` in ``seconds``, for ``cpu_s`` of the server."""

    publishes: int
    seconds: float
    cpu_s: float

    def __str__(self) -> str:
        rate, cost_us = self.publishes / self.seconds, self.cpu_s / self.publishes * 1e6
        return f"{rate:>10,.0f} publishes/s {cost_us:>8.1f} us of CPU each"


@contextmanager
def server() -> Iterator[tuple[int, int]]:
    """The process id and port of a server that answers."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = Path(folder) / "tidewire.toml"
        config.write_text(CONFIG, encoding="utf-8")
        command = [sys.executable, "-m", "tidewire", "serve", "--config", str(config)]
        process = subprocess.Popen([*command, "--port", str(port), "--log-level", "error"])
        try:
            asyncio.run(_wait_for(port))
            yield process.pid, port
        finally:
            process.terminate()
            process.wait()


async def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the server did not start")


def request(method: str, call: Mapping[str, object]) -> bytes:
    body = json.dumps(call).encode()
    head = (
        f"POST /api/{method} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def ask(port: int, message: bytes, until: float) -> int:
    """How many answers came before ``until``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = 0
    while time.monotonic() < until:
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(size)
        answers += 1
    writer.close()
    return answers


async def measure(pid: int, port: int, message: bytes, connections: int, seconds: float) -> Result:
    async def ask_all(seconds: float) -> int:
        until = time.monotonic() + seconds
        return sum(await asyncio.gather(*(ask(port, message, until) for _ in range(connections))))

    await ask_all(WARM_UP_S)
    before, began = usage_of(pid).cpu_s, time.monotonic()
    answers = await ask_all(seconds)
    return Result(answers, time.monotonic() - began, usage_of(pid).cpu_s - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=8)
    given = parser.parse_args()
    batch = {"commands": [{"method": "publish", **PUBLISH}] * BATCH}
    with server() as (pid, port):
        for name, message, each in (
            ("one a request", request("publish", PUBLISH), 1),
            (f"{BATCH} a request", request("batch", batch), BATCH),
        ):
            found = asyncio.run(measure(pid, port, message, given.connections, given.seconds))
            print(f"{name:<16}", Result(found.publishes * each, found.seconds, found.cpu_s))


if __name__ == "__main__":
    main()
