"""``tidewire serve --engine sqlite:///...``: history outlives the process, however that ends."""

from __future__ import annotations

import subprocess
import sys

from tests.support.processes import ServerProcess
from tests.support.wire import RawConnection

FLAGS = ("--anonymous", "--engine", "sqlite:///history.db")


def _publish(client: RawConnection, *texts: str) -> dict[str, object]:
    """The position of the last of them, once it has been acknowledged."""
    position: dict[str, object] = {}
    for number, text in enumerate(texts):
        client.send_json({"type": "chat", "text": text, "id": number})
        said = client.expect("published", id=number)
        position = {name: said[name] for name in ("epoch", "seq", "tag")}
    return position


def _missed(server: ServerProcess, since: dict[str, object]) -> tuple[str, list[str]]:
    with server.join() as client:
        client.send_json({"type": "subscribe", "channel": "lobby", "since": since, "id": 9})
        said = client.expect("subscribed", id=9)
        return said["recovery"], [each["text"] for each in said["messages"]]


def test_a_client_recovers_from_a_server_that_was_killed_in_between() -> None:
    """Catalogue 90."""
    with ServerProcess(flags=FLAGS) as server:
        with server.join() as client:
            seen = _publish(client, "1")
            _publish(client, "2", "3")
        server.kill()
        server.start()
        assert _missed(server, seen) == ("complete", ["2", "3"])
        assert server.metric("tidewire_history_entries") == 3
        assert server.metric("tidewire_engine_failing") == 0


def test_a_second_server_on_the_same_file_says_so_and_the_first_goes_on() -> None:
    with ServerProcess(flags=FLAGS) as server:
        path = server.folder / "history.db"
        command = [sys.executable, "-m", "tidewire", "serve", "--anonymous", "--port", "0"]
        second = subprocess.run(
            [*command, "--engine", f"sqlite:///{path}"], capture_output=True, text=True, check=False
        )
        assert second.returncode == 3
        assert f"{path} is in use by another Tidewire" in second.stderr
        with server.join() as client:
            _publish(client, "1")
