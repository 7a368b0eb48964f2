"""The servers under comparison: each one's command, words and version."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import quote

from bench import prepare
from bench.prepare import BENCH, BIN, NODE, PEERS
from bench.servers import Launch, Server


def _tidewire(launch: Launch) -> list[str]:
    program = prepare.python().with_name("tidewire")
    config = ["--config", str(BENCH / "tidewire.toml"), "--port", str(launch.port)]
    if not launch.tls:
        return [str(program), "serve", *config]
    cert, key = prepare.certificate()
    return [str(program), "serve", *config, "--tls-cert", str(cert), "--tls-key", str(key)]


def _nchan(launch: Launch) -> list[str]:
    config = _fill_in("nchan.conf", launch)
    return [prepare.find("nginx"), "-c", str(config), "-e", str(launch.folder / "error.log")]


def _nats(launch: Launch) -> list[str]:
    return [prepare.find("nats-server"), "-c", str(_fill_in("nats.conf", launch))]


def _fill_in(template: str, launch: Launch) -> Path:
    text = (PEERS / template).read_text()
    values = {"PORT": launch.port, "SECOND_PORT": launch.second_port, "WORK": launch.folder}
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    target = launch.folder / template
    target.write_text(text)
    return target


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return (done.stdout + done.stderr).strip()


def _package_version(name: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    return _output(str(prepare.python()), "-c", code)


def _npm_version(name: str) -> str:
    code = f"console.log(require('{NODE}/node_modules/{name}/package.json').version)"
    return _output(prepare.find("node"), "-e", code)


def _centrifuge_version() -> str:
    lines = (PEERS / "centrifuge" / "go.mod").read_text().splitlines()
    return next(line.split()[-1] for line in lines if line.startswith("require github.com"))


def _bun() -> str:
    return str(NODE / "node_modules" / ".bin" / "bun")


def _python_versions() -> str:
    python = _output(
        str(prepare.python()), "-c", "import platform; print(platform.python_version())"
    )
    return f"{_package_version('tidewire')}, Python {python}, uvloop {_package_version('uvloop')}"


TIDEWIRE = Server(
    name="tidewire",
    title="Tidewire",
    command=_tidewire,
    version=_python_versions,
    publish_for_answer='{"type":"chat","text":"%s","id":1}',
    answer='"published"',
    stream_path="/sse?channel=room:1",
    post_path="/publish",
    post='{"channel":"room:1","data":{"text":"%s"}}',
)

FLOOR = Server(
    name="floor",
    title="C, epoll (the floor)",
    command=lambda launch: [str(BIN / "floor")],
    prepare=prepare.floor,
    version=lambda: _output(prepare.find("gcc"), "-dumpfullversion"),
)

BUN = Server(
    name="bun",
    title="Bun (uWebSockets, C++)",
    command=lambda launch: [_bun(), str(PEERS / "bun" / "server.js")],
    prepare=prepare.node_packages,
    version=lambda: _output(_bun(), "--version"),
)

CENTRIFUGE = Server(
    name="centrifuge",
    title="Centrifuge (Go, the library in Centrifugo)",
    command=lambda launch: [str(BIN / "centrifuge")],
    prepare=prepare.centrifuge,
    version=_centrifuge_version,
    path="/connection/websocket",
    subscribe='{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"room"}}',
    publish='{"id":3,"publish":{"channel":"room","data":{"text":"%s"}}}',
    # Clients have no ping here; a call that nobody handles is answered just as quickly.
    ping='{"id":9,"rpc":{"data":{}}}',
    pong='"id":9',
    stream_path="/connection/sse?cf_connect="
    + quote('{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"room"}}'),
    post_path="/publish",
    share=0.2,
)

NATS = Server(
    name="nats",
    title="nats-server (Go)",
    command=_nats,
    prepare=prepare.nats,
    version=lambda: _output(prepare.find("nats-server"), "--version").split()[-1],
    subscribe='CONNECT {"verbose":false}\r\nSUB room 1\r\n',
    publish="PUB room #LEN#\r\n%s\r\n",
    share=0.2,
)

NCHAN = Server(
    name="nchan",
    title="nginx nchan (C)",
    command=_nchan,
    prepare=prepare.nchan,
    version=lambda: _output(prepare.find("nginx"), "-v").split("/")[-1],
    stream_path="/stream",
    post_path="/post",
    share=0.1,
)

WS = Server(
    name="ws",
    title="Node ws, the seed's server",
    command=lambda launch: [prepare.find("node"), str(PEERS / "node" / "main.js")],
    prepare=prepare.node_packages,
    version=lambda: f"{_npm_version('ws')}, Node {_output(prepare.find('node'), '--version')}",
    share=0.05,
)

WEBSOCKETS = Server(
    name="websockets",
    title="Python websockets",
    command=lambda launch: [str(prepare.python()), str(PEERS / "websockets_server.py")],
    version=lambda: _package_version("websockets"),
    share=0.05,
)

SERVERS = {
    server.name: server
    for server in (TIDEWIRE, FLOOR, BUN, CENTRIFUGE, NATS, NCHAN, WS, WEBSOCKETS)
}
