"""What a crowd does by each rule, and that ours keeps what it is there for."""

import re
from pathlib import Path

import pytest

from bench.herd import ALL_RULES, CLIENTS, Outcome, outcome, picture, report
from bench.herd_chart import percent
from bench.herd_crowd import EVENTS, Event, Try, admitted, busiest_second, shares, time_until
from bench.herd_rules import OTHERS, OURS, RULES, Draw, Rule
from tidewire.client.backoff import FIRST_BOUND_S, GROWTH, MAX_BOUND_S

TYPESCRIPT = Path(__file__).parents[2] / "clients" / "typescript" / "src" / "backoff.ts"
SHORT_OUTAGE = EVENTS[1]
DRAIN = EVENTS[-1]


def _every(second: float) -> Rule:
    def wait(attempt: int, trait: float, draw: Draw) -> float:
        return second

    return Rule("steady", "nowhere", "", wait)


def _waits(name: str, *, drawn: float, count: int) -> list[float]:
    rule = next(each for each in OTHERS if each.name == name)
    return [round(rule.wait(attempt, 0.5, lambda: drawn), 3) for attempt in range(count)]


@pytest.mark.parametrize("event", [SHORT_OUTAGE, DRAIN], ids=lambda event: event.name)
def test_of_a_hundred_thousand_at_most_one_in_twenty_comes_in_any_second(event: Event) -> None:
    found = outcome(OURS, event, CLIENTS)
    assert found.busiest <= 0.05
    assert found.back_s <= 60.0


def test_both_clients_carry_the_same_numbers() -> None:
    source = TYPESCRIPT.read_text()
    found = [
        float(re.search(rf"const {name} = ([\d_]+);", source)[1].replace("_", ""))  # type: ignore[index]
        for name in ("FIRST_BOUND_MS", "GROWTH", "LAST_BOUND_MS")
    ]
    assert found == [1000 * FIRST_BOUND_S, GROWTH, 1000 * MAX_BOUND_S]


@pytest.mark.parametrize(
    ("name", "drawn", "waits"),
    [
        ("Socket.IO", 0.0, [1.0, 2.0, 4.0, 5.0]),
        ("Socket.IO", 0.95, [1.475, 2.95, 5.0, 5.0]),
        ("Socket.IO", 0.8, [0.6, 1.2, 2.4, 4.8, 5.0]),
        ("python-socketio", 1.0, [1.5, 2.5, 4.5, 5.5, 5.5]),
        ("Phoenix", 0.5, [0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 5.0]),
        ("Ably", 0.0, [0.0, 20.0, 25.0, 30.0, 30.0]),
        ("centrifuge-js", 1.0, [1.0, 1.5, 2.5, 4.5, 8.5, 16.5, 20.0]),
        ("PartySocket", 0.9, [3.0, 3.9, 5.07, 6.591, 8.568, 10.0]),
        ("websockets", 1.0, [0.0, 5.0, 3.1, 5.016]),
    ],
)
def test_the_others_rules_are_said_as_they_are(name: str, drawn: float, waits: list[float]) -> None:
    assert _waits(name, drawn=drawn, count=len(waits)) == waits


def test_during_an_outage_nobody_is_in() -> None:
    assert outcome(_every(2.0), Event("", 5.0), 10).back_s == pytest.approx(1.0)


def test_who_is_refused_comes_again_by_its_rule() -> None:
    together: list[Try] = [(0.0, 0, 0.5)] * 5
    assert sorted(admitted(_every(3.0), together, 2)) == [0.0, 0.0, 3.0, 3.0, 6.0]


def test_the_busiest_second_may_begin_between_two_of_the_clock() -> None:
    by_slot = shares([0.0, 0.95, 1.05, 9.95], 0.0)
    assert busiest_second(by_slot) == pytest.approx(0.5)


def test_nearly_all_are_back_when_the_last_hundredth_is_not() -> None:
    assert time_until(0.99, [float(moment) for moment in range(100)], 1.0) == 97.0


def test_the_same_seed_gives_the_same_crowd() -> None:
    assert outcome(OURS, SHORT_OUTAGE, 50) == outcome(OURS, SHORT_OUTAGE, 50)


def test_a_report_names_every_rule_and_its_source() -> None:
    found = _everything(Outcome(0.5, 1.0, [1.0], 2.0))
    text = report(found, (10,))
    assert all(rule.formula in text and rule.source in text for rule in ALL_RULES)


def test_a_crowded_second_has_another_colour_than_a_calm_one() -> None:
    calm = picture(_everything(Outcome(0.04, 1.0, [0.04])), 10)
    crowded = picture(_everything(Outcome(0.06, 1.0, [0.06])), 10)
    assert 'class="crowd" d=' in crowded
    assert 'class="crowd" d=' not in calm


def test_shares_are_shown_with_two_digits_that_count() -> None:
    assert [percent(share) for share in (0.0471, 0.0996, 0.269, 1.0)] == [
        "4.7 %",
        "10 %",
        "27 %",
        "100 %",
    ]


def _everything(same: Outcome) -> dict[tuple[str, str, int], Outcome]:
    names = {rule.name for rule in (*RULES, *ALL_RULES)}
    return {(event.name, name, 10): same for event in EVENTS for name in names}
