"""What several processes counted is added up."""

from __future__ import annotations

from collections import Counter

from tidewire.load.tally import Tally


def test_counts_refusals_and_times_are_added() -> None:
    one = Tally(subscribers=2, acknowledged=3, refusals=Counter(rate_limited=1))
    two = Tally(subscribers=1, acknowledged=4, refusals=Counter(rate_limited=2, too_large=1))
    two.delivery.record(1000)
    one.merge(two)
    assert (one.subscribers, one.acknowledged) == (3, 7)
    assert one.refusals == {"rate_limited": 3, "too_large": 1}
    assert one.delivery.count == 1


def test_what_was_acknowledged_and_did_not_come_is_undelivered() -> None:
    tally = Tally(subscribers=10, acknowledged=5, delivered=40, recovered=7)
    assert tally.undelivered == 3


def test_what_came_without_an_answer_is_not_counted_against_it() -> None:
    assert Tally(subscribers=1, acknowledged=1, delivered=2).undelivered == 0
