from __future__ import annotations

from contextlib import suppress

import pytest
from django.core.management import call_command
from django.db import transaction

from tests.django.conftest import FakeServer
from tidewire.errors import TidewireError


def add(*numbers: int) -> None:
    from tidewire.django import outbox

    for number in numbers:
        outbox.add("orders", number)


def waiting() -> int:
    from tidewire.django.models import OutboxEntry

    return OutboxEntry.objects.count()


def relay() -> int:
    from tidewire.django import outbox

    return outbox.relay()


def test_rows_go_out_in_order_each_with_its_id_as_once_key_and_are_gone(
    server: FakeServer,
) -> None:
    add(1, 2)
    assert (relay(), waiting(), relay()) == (2, 0, 0)
    ((first, second),) = server.batches
    assert (first[1], second[1]) == ("1", "2")
    assert str(first[2]).startswith("outbox:")
    assert first[2] != second[2]


def test_a_row_exists_only_where_its_transaction_committed(server: FakeServer) -> None:
    with suppress(ZeroDivisionError), transaction.atomic():
        add(1)
        raise ZeroDivisionError
    assert waiting() == 0


def test_what_is_not_acknowledged_stays_and_is_repeated_under_the_same_key(
    server: FakeServer,
) -> None:
    add(1)
    server.is_down = True
    with pytest.raises(TidewireError):
        relay()
    assert waiting() == 1
    server.is_down = False
    relay()
    assert len(server.batches) == 1


def test_the_command_sends_all_that_is_there_a_batch_at_a_time(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidewire.django.outbox.BATCH", 2)
    add(1, 2, 3)
    call_command("tidewire_outbox", "--once")
    assert [len(batch) for batch in server.batches] == [2, 1]
