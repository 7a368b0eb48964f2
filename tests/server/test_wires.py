"""Which wire a connection gets, and that all who share one are sent the same bytes."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.publications import entry
from tidewire.dialects import MessagePackDialect, NativeDialect
from tidewire.hub import Item
from tidewire.messages import Occupancy
from tidewire.server.wires import Deflating, PlainWire, Wires
from tidewire.websocket.deflate import Agreement, Inflater
from tidewire.websocket.receiver import ReceiveLimits, Receiver, Role

DIALECTS = (NativeDialect(), MessagePackDialect())
NAMES = ("tidewire.v1", "tidewire.v1.msgpack")
OCCUPANCY = Occupancy(channel="room", user_count=9)


def _wires(deflating: Deflating | None = None) -> Wires:
    return Wires(DIALECTS, deflating)


def _messages(frames: list[bytes]) -> list[object]:
    """What a client reads of ``frames``: text is JSON, bytes are MessagePack."""
    receiver = Receiver(Role.CLIENT, ReceiveLimits(), Inflater())
    receiver.feed(b"".join(frames))
    found: list[object] = []
    while (event := receiver.next()) is not None:
        if isinstance(event, bytes):
            found.append(msgspec.msgpack.decode(event))
        else:
            assert isinstance(event, str)
            found.append(msgspec.json.decode(event))
    return found


def test_who_asks_for_no_subprotocol_speaks_json() -> None:
    wires = _wires()
    assert wires.choose(None) is wires.choose("tidewire.v1")
    assert not wires.choose(None).is_binary
    assert wires.choose("tidewire.v1.msgpack").is_binary


def test_nothing_is_compressed_unless_configured() -> None:
    assert not _wires().can_deflate
    assert _wires(Deflating()).can_deflate


@pytest.mark.parametrize("bits", [9, 15])
@pytest.mark.parametrize("name", NAMES)
def test_everybody_with_one_agreement_shares_a_wire(name: str, bits: int) -> None:
    wires = _wires(Deflating())
    agreement = Agreement(server_max_window_bits=bits)
    assert wires.choose(name, agreement) is wires.choose(name, agreement)
    assert wires.choose(name, agreement) is not wires.choose(name)


@pytest.mark.parametrize("deflating", [None, Deflating(), Deflating(min_bytes=10_000)])
def test_a_batch_says_the_same_on_every_wire(deflating: Deflating | None) -> None:
    wires = _wires(deflating)
    agreement = None if deflating is None else Agreement()
    items: list[Item] = [entry(1, data='"' + "x" * 500 + '"'), OCCUPANCY, entry(2)]
    json, messagepack = (wires.choose(name, agreement) for name in NAMES)
    told = _messages(json.frames(items))
    assert len(told) == 3
    assert _messages(messagepack.frames(items)) == told


def test_small_messages_are_left_as_they_are() -> None:
    deflated = _wires(Deflating(min_bytes=200)).choose(None, Agreement())
    long_entry = entry(1, data='"' + "x" * 500 + '"')
    plain = PlainWire(NativeDialect())
    assert deflated.frames([entry(1)]) == plain.frames([entry(1)])
    assert len(deflated.frames([long_entry])[0]) < len(plain.frames([long_entry])[0]) / 2
