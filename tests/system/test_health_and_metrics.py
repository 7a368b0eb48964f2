"""What operators and orchestrators ask over HTTP, and what a browser asks when it is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.asynchronous import wait_until
from tests.support.processes import ServerProcess
from tests.support.tokens import SECRET, bearer, claims, hmac_token
from tests.support.wire import Response

ANONYMOUS = "[auth]\nanonymous = true\n"
GUARDED = f'[auth]\nsecrets = ["{SECRET}"]\n[origins]\nallowed = ["https://app.example"]\n'
OWN_PAGE, FOREIGN_PAGE = ("Origin", "https://app.example"), ("Origin", "https://evil.example")


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(ANONYMOUS) as running:
        yield running


@pytest.fixture(scope="module")
def guarded() -> Iterator[ServerProcess]:
    with ServerProcess(GUARDED) as running:
        yield running


# -- health ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/health/live", "/readyz", "/health/ready"])
def test_health_answers_get_and_head(server: ServerProcess, path: str) -> None:
    assert server.get(path).status == 200
    with server.connect() as connection:
        connection.send(f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = connection.read_until_end()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n"), "a HEAD has no body"


def test_old_proxies_are_answered_in_http_1_0(server: ServerProcess) -> None:
    with server.connect() as connection:
        assert connection.ask(b"GET /healthz HTTP/1.0\r\n\r\n").status == 200


# -- metrics -----------------------------------------------------------------------------------

PROMISED = {
    "tidewire_connections_limit",
    "tidewire_history_bytes_limit",
    "tidewire_hooks_running_limit",
    "tidewire_handlers_running_limit",
    "tidewire_engine_in_flight_limit",
    "tidewire_revocations_limit",
    "tidewire_connections",
    "tidewire_connections_opened",
    "tidewire_connections_closed",
    "tidewire_channels",
    "tidewire_messages_received",
    "tidewire_messages_delivered",
    "tidewire_publish_duration_seconds",
    "tidewire_outbox_bytes",
    "tidewire_event_loop_lag_seconds",
    "tidewire_build_info",
    "tidewire_handshakes_refused",
}


def test_metrics_can_be_parsed_and_are_the_promised_ones(server: ServerProcess) -> None:
    with server.join() as client:
        client.ask_json({"type": "chat", "text": "hello"})
        text = server.get("/metrics").body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families.keys() >= PROMISED
    for name, family in families.items():
        assert family.documentation, name
        if family.type == "counter":
            assert all(s.name.endswith(("_total", "_created")) for s in family.samples), name


def test_no_label_carries_a_channel_or_a_user(server: ServerProcess) -> None:
    """They are without number, and a time series each would be the end of Prometheus."""
    with server.join() as client:
        client.ask_json({"type": "chat", "text": "hello"})
        client.ask_json({"type": "subscribe", "channel": "no:such"})
        text = server.get("/metrics").body.decode()
        labels = {
            label
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            for label in sample.labels
        }
        assert labels <= {"code", "reason", "le", "version", "implementation", "major", "minor",
                          "patchlevel", "transport", "method"}  # fmt: skip
        assert client.connected["userId"] not in text


def test_metrics_can_be_switched_off() -> None:
    with ServerProcess(f"{ANONYMOUS}[api]\nmetrics = false") as server:
        assert server.get("/metrics").status == 404


def test_the_histogram_counts_what_was_published(server: ServerProcess) -> None:
    before = server.metric("tidewire_publications_total")
    with server.join() as client:
        for _ in range(3):
            client.ask_json({"type": "chat", "text": "hello"})
    assert server.metric("tidewire_publications_total") == before + 3


# -- why an upgrade is refused -----------------------------------------------------------------


def _why(server: ServerProcess, *headers: tuple[str, str], path: str = "/ws") -> tuple[int, str]:
    answer = server.get(path, ("Accept", "application/json"), *headers)
    assert answer.header("access-control-allow-origin") == "*", "a foreign page needs to know too"
    assert answer.header("cache-control") == "no-store"
    return answer.status, json.loads(answer.body)["code"]


def test_a_get_says_that_an_upgrade_would_do(server: ServerProcess) -> None:
    assert _why(server) == (426, "upgrade_required")
    assert _why(server, path="/") == (426, "upgrade_required")


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        (("X-Nothing", "at all"), (401, "unauthorized")),
        (bearer("rubbish"), (401, "unauthorized")),
        (bearer(hmac_token(claims(exp=1))), (401, "token_expired")),
        (bearer(hmac_token(claims(), secret="x" * 32)), (401, "unauthorized")),
    ],
    ids=["no credential", "rubbish", "expired", "forged"],
)
def test_a_get_says_what_is_wrong_with_a_credential(
    guarded: ServerProcess, header: tuple[str, str], answer: tuple[int, str]
) -> None:
    assert _why(guarded, header) == answer


def test_a_get_says_that_a_page_may_not_connect(guarded: ServerProcess) -> None:
    token = bearer(hmac_token(claims()))
    assert _why(guarded, token, FOREIGN_PAGE) == (403, "forbidden_origin")
    assert _why(guarded, token, OWN_PAGE) == (426, "upgrade_required")


def test_a_get_says_when_there_will_be_room() -> None:
    with ServerProcess(f"{ANONYMOUS}[limits]\nconnections_per_ip = 1") as server, server.join():
        answer = server.get("/ws")
        assert answer.status == 429
        assert json.loads(answer.body)["retryAfter"] > 0
        assert int(answer.header("retry-after") or 0) > 0


# -- tickets -----------------------------------------------------------------------------------


def _ask_for_ticket(server: ServerProcess, *headers: tuple[str, str]) -> Response:
    lines = [f"{name}: {value}" for name, value in (("Host", "x"), *headers)]
    head = "\r\n".join(["POST /api/ticket HTTP/1.1", *lines, "Content-Length: 0", "", ""])
    with server.connect() as connection:
        return connection.ask(head.encode())


def _ticket(server: ServerProcess, *headers: tuple[str, str]) -> str:
    answer = _ask_for_ticket(server, bearer(hmac_token(claims())), *headers)
    assert answer.status == 200, answer
    assert answer.header("cache-control") == "no-store"
    found: str = json.loads(answer.body)["ticket"]
    return found


def _enter(server: ServerProcess, ticket: str, *headers: tuple[str, str]) -> int:
    offered = ("Sec-WebSocket-Protocol", f"tidewire.v1, ticket.{ticket}")
    with server.connect() as connection:
        return connection.handshake(offered, *headers).status


def test_a_ticket_opens_for_its_user_and_page_and_once(guarded: ServerProcess) -> None:
    ticket = _ticket(guarded, OWN_PAGE)
    offered = ("Sec-WebSocket-Protocol", f"tidewire.v1, ticket.{ticket}")
    with guarded.join(offered, OWN_PAGE) as page:
        assert page.connected["userId"] == "ada"
        assert _enter(guarded, ticket, OWN_PAGE) == 401


def test_a_ticket_is_no_use_to_another_page(guarded: ServerProcess) -> None:
    """It was shown to somebody else, so it is spent as well."""
    ticket = _ticket(guarded, OWN_PAGE)
    assert _enter(guarded, ticket) == 401
    assert _enter(guarded, ticket, OWN_PAGE) == 401


def test_a_foreign_page_gets_no_ticket(guarded: ServerProcess) -> None:
    answer = _ask_for_ticket(guarded, bearer(hmac_token(claims())), FOREIGN_PAGE)
    assert (answer.status, json.loads(answer.body)["code"]) == (403, "forbidden_origin")


def test_a_ticket_nobody_used_in_time_opens_nothing() -> None:
    with ServerProcess(GUARDED.replace("[origins]", "ticket_ttl_s = 0.001\n[origins]")) as server:
        ticket, issued = _ticket(server), time.time()
        wait_until(lambda: time.time() > issued + 0.01, "its time has passed")
        assert _enter(server, ticket) == 401


def test_a_user_may_not_ask_for_tickets_without_end() -> None:
    with ServerProcess(GUARDED) as server:
        token = bearer(hmac_token(claims()))
        answers = [_ask_for_ticket(server, token) for _ in range(40)]
        assert answers[0].status == 200
        refused = [each for each in answers if each.status == 429]
        assert refused
        assert json.loads(refused[0].body)["retryAfter"] > 0


def test_guessing_at_tickets_endpoint_is_slowed_down_by_address() -> None:
    """Whoever tries tokens out is stopped before the next one is even looked at."""
    with ServerProcess(GUARDED) as server:
        wrong = bearer(hmac_token(claims(), secret="x" * 32))
        statuses = [_ask_for_ticket(server, wrong).status for _ in range(130)]
        assert statuses[0] == 401
        assert 429 in statuses
