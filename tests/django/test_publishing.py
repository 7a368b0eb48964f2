from __future__ import annotations

import logging
from contextlib import suppress

import pytest
from django.db import transaction

from tests.django.conftest import FakeServer
from tidewire.django import publish


class Abandoned(Exception):
    """What makes a transaction roll back."""


def test_what_a_transaction_publishes_goes_out_in_one_batch_and_in_order_once_it_commits(
    server: FakeServer,
) -> None:
    with transaction.atomic():
        publish("a", 1)
        publish("b", 2, once="key")
        publish("a", 3)
        assert server.batches == []
    assert server.batches == [[("a", "1", None), ("b", "2", "key"), ("a", "3", None)]]


def test_other_hooks_of_the_commit_do_not_part_the_batch(server: FakeServer) -> None:
    seen: list[int] = []
    with transaction.atomic():
        publish("a", 1)
        transaction.on_commit(lambda: seen.append(len(server.batches)))
        publish("a", 2)
    assert (seen, server.batches) == ([0], [[("a", "1", None), ("a", "2", None)]])


def test_what_is_rolled_back_is_never_published(server: FakeServer) -> None:
    with suppress(Abandoned), transaction.atomic():
        publish("a", 1)
        raise Abandoned
    with transaction.atomic():
        publish("a", 2)
    assert server.batches == [[("a", "2", None)]]


def test_a_savepoint_takes_back_only_its_own(server: FakeServer) -> None:
    with transaction.atomic():
        publish("a", 1)
        with suppress(Abandoned), transaction.atomic():
            publish("a", 2)
            raise Abandoned
        with transaction.atomic():
            publish("a", 3)
    assert server.batches == [[("a", "1", None), ("a", "3", None)]]


def test_a_batch_that_began_in_a_lost_savepoint_still_goes_out(server: FakeServer) -> None:
    with transaction.atomic():
        with suppress(Abandoned), transaction.atomic():
            publish("a", 1)
            raise Abandoned
        publish("a", 2)
    assert server.batches == [[("a", "2", None)]]


def test_outside_a_transaction_it_goes_out_at_once(server: FakeServer) -> None:
    publish("a", {"text": "hi"})
    assert server.batches == [[("a", '{"text":"hi"}', None)]]


def test_a_server_out_of_reach_is_logged_and_the_view_goes_on(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.is_down = True
    with caplog.at_level(logging.ERROR), transaction.atomic():
        publish("orders", 1)
    assert "1 publications were not delivered to ['orders']" in caplog.text


def test_what_json_cannot_say_fails_before_the_commit(server: FakeServer) -> None:
    with pytest.raises(TypeError), transaction.atomic():
        publish("a", object())
    assert server.batches == []
