"""A lobby of many: named while they are few, counted when they are not."""

from __future__ import annotations

from tests.support.processes import ServerProcess
from tests.support.tokens import SECRET, bearer, claims, hmac_token
from tests.support.wire import RawConnection, crowd

CONFIG = """
[auth]
anonymous = true
[lobby]
announce_up_to = 5
occupancy_interval_s = 0.2
[limits]
unfinished_handshakes_per_ip = 1000
"""


def _told(client: RawConnection, count: int) -> list[str]:
    """The types of everything up to the news that there are ``count`` users."""
    types = []
    while True:
        message = client.receive()
        types.append(message["type"])
        if message["type"] == "occupancy" and message["userCount"] == count:
            return types


def test_a_large_lobby_is_told_how_many_they_are_and_not_who() -> None:
    """Announcing every join to everybody is quadratic."""
    with ServerProcess(CONFIG) as server, server.join() as witness:
        with crowd(server.join() for _ in range(29)) as others:
            assert others[-1].connected["userCount"] == 30
            types = _told(witness, 30)
            assert types.count("user_joined") == 4
            assert types.count("occupancy") < 25, "at most one an interval"
        witness.expect("occupancy", userCount=1)


def test_a_user_in_two_tabs_comes_once_and_leaves_once() -> None:
    config = f'[auth]\nsecrets = ["{SECRET}"]'
    with ServerProcess(config) as server:
        ada, bob = (bearer(hmac_token(claims(sub=name))) for name in ("ada", "bob"))
        with server.join(bob) as witness:
            first, second = server.join(ada), server.join(ada)
            assert second.connected["userCount"] == 2
            first.socket.close()
            second.ask_json({"type": "ping"})
            second.socket.close()
            heard: list[str] = []
            while not heard or heard[-1] != "user_left":
                heard.append(witness.receive()["type"])
            assert heard == ["user_joined", "user_left"]
            assert witness.ask_json({"type": "presence", "channel": "lobby"})["userCount"] == 1
