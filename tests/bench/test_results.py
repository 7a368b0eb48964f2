import pytest

from bench.results import Spread, from_json, spread_of, to_json
from tests.bench.support import results_of


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert spread_of([4.0, 1.0, 3.0, 2.0]) == Spread(median=2.5, least=1.0, most=4.0)


def test_one_slow_round_does_not_move_the_median() -> None:
    assert spread_of([1.0, 1.1, 50.0]).median == 1.1


def test_a_spread_is_over_the_rounds_of_one_server_and_workload_only() -> None:
    results = results_of(
        ("busy-room", "tidewire", {"cpu_us": 1.0}),
        ("busy-room", "tidewire", {"cpu_us": 3.0}),
        ("busy-room", "bun", {"cpu_us": 100.0}),
        ("churn", "tidewire", {"cpu_us": 100.0}),
    )
    assert results.spread("busy-room", "tidewire", "cpu_us") == Spread(2.0, 1.0, 3.0)


def test_what_was_not_measured_has_no_spread_and_no_ratio() -> None:
    results = results_of(("busy-room", "tidewire", {"cpu_us": 1.0}))
    assert results.spread("busy-room", "bun", "cpu_us") is None
    assert results.ratio("busy-room", "cpu_us", "tidewire", "bun") is None


def test_a_ratio_compares_medians() -> None:
    results = results_of(
        ("busy-room", "tidewire", {"cpu_us": 0.14}), ("busy-room", "bun", {"cpu_us": 0.28})
    )
    assert results.ratio("busy-room", "cpu_us", "tidewire", "bun") == pytest.approx(0.5)


def test_a_ratio_to_nothing_is_not_a_number_to_report() -> None:
    results = results_of(
        ("busy-room", "tidewire", {"cpu_us": 0.14}), ("busy-room", "bun", {"cpu_us": 0.0})
    )
    assert results.ratio("busy-room", "cpu_us", "tidewire", "bun") is None


def test_results_survive_being_written_and_read() -> None:
    results = results_of(("busy-room", "bun", {"cpu_us": 0.3}))
    assert from_json(to_json(results)) == results
