"""The vocabulary: what its names promise to those who rely on them."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.support.vocabulary import COMMAND_KINDS, EVENT_KINDS, type_name
from tidewire.messages import (
    ENVELOPE_FIELDS,
    MAX_SAFE_INTEGER,
    RESERVED_TYPES,
    Position,
    Publication,
    Publish,
)

WIRE_NAMES = {"user_id": "from", "client_id": "clientId", "expires_at": "expiresAt"}
NOT_AMONG_THEM = {"data", "kind", "exclude"}
"""What an application's type gives, what its name is, and what stays on the server."""


@pytest.mark.parametrize("kind", [*COMMAND_KINDS, *EVENT_KINDS], ids=type_name)
def test_no_application_type_can_pass_for_one_of_the_protocols_own(kind: type[Publish]) -> None:
    assert type_name(kind) in RESERVED_TYPES


def test_no_field_of_an_application_can_overwrite_the_envelope() -> None:
    """Catalogue 61."""
    fields = {WIRE_NAMES.get(name, name) for name in Publication.__struct_fields__}
    assert fields - NOT_AMONG_THEM <= ENVELOPE_FIELDS


@pytest.mark.parametrize("kind", COMMAND_KINDS, ids=type_name)
def test_no_command_can_carry_what_only_the_server_may_say(kind: type[Publish]) -> None:
    """Catalogue 61: there is nowhere to put a sender or a time, so none can be believed."""
    said_by_the_server = {"user_id", "client_id", "timestamp", "seq", "tag", "epoch", "from"}
    assert not said_by_the_server & set(kind.__struct_fields__)


@pytest.mark.parametrize("seq", [-1, MAX_SAFE_INTEGER + 1, 2**63, 2**64, 1.0, True, "1", None])
def test_a_seq_outside_what_javascript_can_hold_is_no_position(seq: object) -> None:
    """Catalogue 51, 54 and 77."""
    text = json.dumps({"epoch": "first", "seq": seq, "tag": ""})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Position)


@pytest.mark.parametrize("kind", [*COMMAND_KINDS, *EVENT_KINDS, Position], ids=str)
def test_a_message_once_made_cannot_be_changed(kind: type[Position]) -> None:
    assert kind.__struct_config__.frozen
