"""Connections are counted exactly, whatever happens to them."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tidewire.errors import HandshakeRefused
from tidewire.security.admission import ConnectionLimits, ip_bucket

IP = "192.0.2.1"


def _refusal(limits: ConnectionLimits, ip: str | None = IP) -> HandshakeRefused:
    with pytest.raises(HandshakeRefused) as caught:
        limits.begin(ip)
    return caught.value


def test_one_address_may_hold_only_so_many_unfinished_handshakes() -> None:
    """Catalogue 8: the one too many is refused with 429, and told when to come back."""
    limits = ConnectionLimits(total=1000)
    for _ in range(20):
        limits.begin(IP)
    refusal = _refusal(limits)
    assert (refusal.status, refusal.code) == (429, "too_many_connections")
    assert refusal.retry_after_s
    limits.begin("192.0.2.2")


def test_an_address_with_all_its_connections_can_still_ask_why() -> None:
    limits = ConnectionLimits(total=1000, per_ip=1)
    limits.begin(IP)
    limits.admit("ada", IP)
    assert _refusal(limits).status == 429
    limits.knock(IP)
    limits.abandon(IP)


def test_limits_that_change_put_nobody_out() -> None:
    limits = ConnectionLimits(total=1000)
    for user in ("ada", "bob"):
        limits.begin(IP)
        limits.admit(user, IP)
    limits.set_limits(total=1000, per_user=20, per_ip=1, unfinished_per_ip=20)
    assert _refusal(limits).status == 429
    limits.leave("ada", IP)
    limits.leave("bob", IP)
    limits.begin(IP)


def test_an_admitted_handshake_makes_room_for_the_next() -> None:
    limits = ConnectionLimits(total=1000, unfinished_per_ip=1)
    for at in range(100):
        limits.begin(IP)
        limits.admit(f"user{at}", IP)
    assert _refusal(limits).status == 429  # the hundred of one address are there


def test_one_user_may_hold_only_so_many_connections() -> None:
    limits = ConnectionLimits(total=1000, per_user=2)
    for at in range(3):
        limits.begin(f"192.0.2.{at}")
    limits.admit("alice", "192.0.2.0")
    limits.admit("alice", "192.0.2.1")
    with pytest.raises(HandshakeRefused, match="one user"):
        limits.admit("alice", "192.0.2.2")
    limits.abandon("192.0.2.2")
    limits.leave("alice", "192.0.2.0")
    limits.begin("192.0.2.2")
    limits.admit("alice", "192.0.2.2")


def test_a_full_server_says_503_to_everybody() -> None:
    limits = ConnectionLimits(total=1)
    limits.begin(None)
    assert _refusal(limits).status == 503


def test_a_trusted_proxy_holds_as_many_as_the_whole_server() -> None:
    limits = ConnectionLimits(total=500, per_ip=1, unfinished_per_ip=1)
    for _ in range(500):
        limits.begin(None)
    assert limits.open == 500


@pytest.mark.parametrize(
    ("ip", "bucket"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "::/64"),
        ("", ""),
        ("not:an:address", "not:an:address"),
    ],
)
def test_ipv6_is_counted_by_its_network_and_ipv4_by_itself(ip: str, bucket: str) -> None:
    assert ip_bucket(ip) == bucket


class Connections(RuleBasedStateMachine):
    """Handshakes begin, are admitted, refused, abandoned, and leave, in any order."""

    handshakes = Bundle("handshakes")
    connections = Bundle("connections")
    ips = st.sampled_from([None, IP, "192.0.2.2", "2001:db8::1", "2001:db8::2", "::ffff:192.0.2.1"])

    def __init__(self) -> None:
        super().__init__()
        self.limits = ConnectionLimits(total=12, per_user=2, per_ip=5, unfinished_per_ip=3)
        self.unfinished: list[str | None] = []
        self.admitted: list[tuple[str, str | None]] = []

    @rule(target=handshakes, ip=ips)
    def begin(self, ip: str | None) -> object:
        try:
            self.limits.begin(ip)
        except HandshakeRefused:
            return multiple()
        self.unfinished.append(ip)
        return ip

    @rule(target=connections, ip=consumes(handshakes), user_id=st.sampled_from("abc"))
    def admit_or_abandon(self, ip: str | None, user_id: str) -> object:
        self.unfinished.remove(ip)
        try:
            self.limits.admit(user_id, ip)
        except HandshakeRefused:
            self.limits.abandon(ip)
            return multiple()
        self.admitted.append((user_id, ip))
        return (user_id, ip)

    @rule(ip=consumes(handshakes))
    def abandon(self, ip: str | None) -> None:
        self.unfinished.remove(ip)
        self.limits.abandon(ip)

    @rule(connection=consumes(connections))
    def leave(self, connection: tuple[str, str | None]) -> None:
        self.admitted.remove(connection)
        self.limits.leave(*connection)

    def teardown(self) -> None:
        assert self.limits.open == len(self.unfinished) + len(self.admitted)
        for ip in self.unfinished:
            self.limits.abandon(ip)
        for user_id, ip in self.admitted:
            self.limits.leave(user_id, ip)
        assert self.limits.is_balanced


def test_after_any_sequence_everything_returns_to_zero_and_the_maps_are_empty() -> None:
    """Catalogue 8."""
    run_state_machine_as_test(
        Connections, settings=settings(deadline=None, max_examples=50, stateful_step_count=40)
    )
