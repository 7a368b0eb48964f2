import pytest
from msgspec.structs import replace

from bench.report import HEADINGS, show, show_spread, table, write_report
from bench.results import EngineSample, Results, Skipped, Spread
from bench.workloads import WORKLOADS
from tests.bench.support import results_of


@pytest.fixture
def measured() -> Results:
    return results_of(
        ("busy-room", "tidewire", {"cpu_us": 0.15, "deliveries_per_s": 4_000_000}),
        ("busy-room", "bun", {"cpu_us": 0.30, "deliveries_per_s": 2_000_000}),
        skipped=(Skipped("nats", "nats-server is not installed"),),
    )


def test_numbers_show_three_digits_and_large_ones_whole() -> None:
    assert [show(number) for number in (0.14321, 12.345, 4_012_345.6)] == [
        "0.143",
        "12.3",
        "4,012,346",
    ]


def test_a_spread_shows_its_ends_only_where_they_differ() -> None:
    assert show_spread(Spread(2.0, 1.0, 3.0)) == "2 (1-3)"
    assert show_spread(Spread(2.0, 2.0, 2.0)) == "2"
    assert show_spread(None) == "-"


def test_a_table_aligns_numbers_to_the_right() -> None:
    assert table(("a", "b"), [("x", "1")]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def test_the_report_shows_each_server_measured_and_the_ratio(measured: Results) -> None:
    report = write_report(measured)
    assert "| **Tidewire** | 0.15 | 4,000,000 | - | - | - |" in report
    assert "Tidewire's by the others': 0.5x Bun" in report


def test_the_report_gives_a_verdict_on_each_target(measured: Results) -> None:
    report = write_report(measured)
    assert "| busy room: at most 0.7x Bun's CPU per delivery | 0.7x | 0.5x | met, 29%" in report
    assert "## Targets: 1 of" in report


def test_what_was_skipped_is_listed_with_its_reason(measured: Results) -> None:
    assert "- nats-server (Go): nats-server is not installed" in write_report(measured)


def test_the_engines_by_themselves_have_a_table_and_a_verdict(measured: Results) -> None:
    sample = EngineSample(
        engine="sqlite", in_flight=1_000, channels=1, per_s=30_000.0, batch=500.0,
        p50_ms=9.0, p99_ms=20.0, cpu_us=4.5,
    )  # fmt: skip
    report = write_report(replace(measured, engines=[sample]))
    assert "| sqlite | 1,000 | 1 | 30,000 | 500 | 9 | 20 | 4.5 |" in report
    assert "per second; met with 30,000 at best" in report
    assert "## Engines" not in write_report(measured)


def test_workloads_nobody_ran_have_no_section(measured: Results) -> None:
    assert WORKLOADS["churn"].title not in write_report(measured)


def test_every_column_of_every_workload_has_a_heading() -> None:
    assert {column for one in WORKLOADS.values() for column in one.columns} <= set(HEADINGS)
