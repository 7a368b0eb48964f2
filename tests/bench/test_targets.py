from bench.targets import TARGETS, Target, Verdict, verdicts
from bench.workloads import WORKLOADS
from tests.bench.support import results_of

BUSY = Target("busy", "busy-room", "cpu_us", 0.7, "bun")
PING = Target("ping", "flush-ping", "p99_ms", 10, unit="ms")


def test_a_ratio_below_its_limit_is_met_with_what_is_to_spare() -> None:
    verdict = Verdict(BUSY, 0.35)
    assert verdict.is_met
    assert verdict.in_words == "met, 50% to spare"


def test_a_missed_target_says_by_how_much() -> None:
    verdict = Verdict(PING, 12.0)
    assert not verdict.is_met
    assert verdict.in_words == "**missed by 20%**"


def test_the_limit_itself_is_met() -> None:
    assert Verdict(PING, 10.0).is_met


def test_what_was_not_measured_is_not_met() -> None:
    verdict = Verdict(BUSY, None)
    assert not verdict.is_met
    assert verdict.in_words == "not measured"


def test_memory_that_shrank_is_back() -> None:
    verdict = Verdict(Target("memory", "churn", "growth_kib", 2048, unit="KiB"), -100.0)
    assert verdict.is_met


def test_a_ratio_target_reads_both_servers() -> None:
    results = results_of(
        ("busy-room", "tidewire", {"cpu_us": 1.0}), ("busy-room", "bun", {"cpu_us": 2.0})
    )
    assert BUSY.measured(results) == 0.5


def test_an_absolute_target_reads_tidewire_alone() -> None:
    results = results_of(("flush-ping", "tidewire", {"p99_ms": 4.0}))
    assert PING.measured(results) == 4.0


def test_every_target_names_a_figure_that_its_workload_reports() -> None:
    for target in TARGETS:
        workload = WORKLOADS[target.workload]
        assert target.figure in workload.columns
        assert "tidewire" in workload.servers
        assert target.against is None or target.against in workload.servers


def test_every_target_gets_a_verdict_even_when_nothing_was_measured() -> None:
    assert [verdict.in_words for verdict in verdicts(results_of())] == ["not measured"] * len(
        TARGETS
    )
