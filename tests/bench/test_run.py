import click
import pytest

from bench.catalogue import BUN, FLOOR, SERVERS, TIDEWIRE
from bench.run import Plan, chosen, rotated
from bench.workloads import WORKLOADS


def test_each_round_begins_with_another_server() -> None:
    servers = [TIDEWIRE, FLOOR, BUN]
    firsts = [rotated(servers, number)[0].name for number in range(4)]
    assert firsts == ["tidewire", "floor", "bun", "tidewire"]


def test_rotating_nobody_gives_nobody() -> None:
    assert rotated([], 3) == []


def test_servers_take_turns_within_a_round() -> None:
    plan = Plan([TIDEWIRE, BUN], [WORKLOADS["busy-room"]], rounds=2, scale=1.0)
    turns = [(server.name, number) for _, server, number in plan.turns()]
    assert turns == [("tidewire", 0), ("bun", 0), ("bun", 1), ("tidewire", 1)]


def test_a_server_takes_no_turn_in_a_workload_that_is_not_for_it() -> None:
    plan = Plan([TIDEWIRE, BUN], [WORKLOADS["churn"]], rounds=1, scale=1.0)
    assert [server.name for _, server, _ in plan.turns()] == ["tidewire"]


def test_without_a_list_everything_is_chosen() -> None:
    assert chosen(None, list(SERVERS)) == list(SERVERS)


def test_a_list_keeps_its_order_and_forgives_spaces() -> None:
    assert chosen("bun, tidewire", list(SERVERS)) == ["bun", "tidewire"]


def test_an_unknown_name_is_a_usage_error_that_says_what_is_known() -> None:
    with pytest.raises(click.BadParameter, match=r"caddy is none of tidewire"):
        chosen("caddy", list(SERVERS))


def test_workloads_name_only_servers_that_exist() -> None:
    assert {name for one in WORKLOADS.values() for name in one.servers} <= set(SERVERS)
