"""Builds the load generators and fetches the peers, once, into ``.cache/bench``.

A peer that cannot be had raises ``UnavailableError`` with the reason; the benchmark
lists it as skipped and goes on.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parent
ROOT = BENCH.parent
PEERS = BENCH / "peers"
CACHE = ROOT / ".cache" / "bench"
BIN = CACHE / "bin"
NODE = CACHE / "node"

BUILD_LIMIT_S = 600
"""A Go build from an empty cache takes a minute; a stuck download must not take for ever."""


class UnavailableError(Exception):
    """This peer cannot be had here. ``str(error)`` is one sentence for the report."""


def build_c(name: str, source: Path) -> Path:
    """Compile one C file, unless the binary is newer than it and the shared header."""
    target = BIN / name
    newest = max(source.stat().st_mtime, (BENCH / "wsclient.h").stat().st_mtime)
    if not target.exists() or target.stat().st_mtime < newest:
        compiler = find("gcc")
        BIN.mkdir(parents=True, exist_ok=True)
        _run([compiler, "-O3", "-march=native", "-o", str(target), str(source)], BENCH)
    return target


@functools.cache
def load_generators() -> None:
    for name in ("fan", "storm", "probe"):
        build_c(name, BENCH / f"{name}.c")


DISTRIBUTION_PYTHON = Path("/usr/bin/python3")
OLDEST_PYTHON = (3, 11)


@functools.cache
def python() -> Path:
    """The Python that Python servers run on: the distribution's, where that is new enough, with
    the locked packages.

    Distributions build theirs with profile-guided optimisation; one built from
    source without it takes 1.3 to 1.6 times as long for the same work, and would
    be measured instead of the servers.
    """
    if not DISTRIBUTION_PYTHON.exists() or _version_of(DISTRIBUTION_PYTHON) < OLDEST_PYTHON:
        return Path(sys.executable)
    folder = CACHE / "python"
    interpreter = folder / "bin" / "python"
    locked = (ROOT / "requirements" / "dev.txt").read_bytes()
    done = folder / "installed-lock.txt"
    if not done.exists() or done.read_bytes() != locked:
        _run(
            [str(DISTRIBUTION_PYTHON), "-m", "venv", "--clear", "--without-pip", str(folder)], ROOT
        )
        _install(interpreter, "--require-hashes", "-r", "requirements/dev.txt")
        done.write_bytes(locked)
    _install(interpreter, "--no-deps", "-e", ".")
    return interpreter


def _install(interpreter: Path, *what: str) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(interpreter), "--no-input", "--quiet"]
    _run([*pip, "install", *what], ROOT)


def _version_of(interpreter: Path) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run(
        [str(interpreter), "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    return tuple(map(int, done.stdout.split()))


def floor() -> None:
    build_c("floor", PEERS / "floor.c")


@functools.cache
def node_packages() -> None:
    """``ws`` and ``bun`` exactly as locked."""
    locked = (PEERS / "package-lock.json").read_bytes()
    done = NODE / "installed-lock.json"
    if done.exists() and done.read_bytes() == locked:
        return
    NODE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(PEERS / name, NODE)
    _run([find("npm"), "ci", "--no-audit", "--no-fund", "--loglevel=error"], NODE)
    done.write_bytes(locked)


@functools.cache
def centrifuge() -> None:
    target = BIN / "centrifuge"
    source = PEERS / "centrifuge"
    if target.exists() and target.stat().st_mtime >= (source / "main.go").stat().st_mtime:
        return
    BIN.mkdir(parents=True, exist_ok=True)
    _run([find("go"), "build", "-mod=readonly", "-o", str(target), "."], source, _go_environment())


def nchan() -> None:
    find("nginx")
    if not nchan_module().exists():
        raise UnavailableError("nginx has no nchan module (Debian: libnginx-mod-nchan)")


def nchan_module() -> Path:
    return Path("/usr/lib/nginx/modules/ngx_nchan_module.so")


def nats() -> None:
    find("nats-server")


def find(program: str) -> str:
    """The program's path, also where a shell for administrators or Go's installer puts it."""
    places = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/go/bin"
    found = shutil.which(program, path=places)
    if found is None:
        raise UnavailableError(f"{program} is not installed")
    return found


def certificate() -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    cert, key = CACHE / "cert.pem", CACHE / "key.pem"
    if not cert.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        files = ["-keyout", str(key), "-out", str(cert), "-days", "30"]
        _run([find("openssl"), "req", *kind, *files, *subject], CACHE)
    return cert, key


def _go_environment() -> dict[str, str]:
    """Go's caches beside ours; writable, so that deleting ``.cache`` needs no special tool."""
    modules = CACHE / "go"
    return {
        **os.environ,
        "GOPATH": str(modules),
        "GOCACHE": str(modules / "build"),
        "GOFLAGS": "-modcacherw",
    }


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=BUILD_LIMIT_S,
        )
    except subprocess.CalledProcessError as error:
        raise UnavailableError(
            f"{Path(command[0]).name} failed: {_last_line(error.stderr)}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{Path(command[0]).name} took over {BUILD_LIMIT_S} s") from error


def _last_line(text: str) -> str:
    return next(iter(reversed(text.strip().splitlines())), "no reason given")
