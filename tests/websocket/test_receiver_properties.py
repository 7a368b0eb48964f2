"""Whatever the bytes and however they are cut into reads, the receiver keeps its word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidewire.errors import ProtocolViolated
from tidewire.websocket.deflate import Inflater, deflate
from tidewire.websocket.frames import Opcode, close_payload, frame, masked_frame
from tidewire.websocket.receiver import (
    Close,
    Event,
    Ping,
    Pong,
    ReceiveLimits,
    Receiver,
    Role,
)

LIMITS = ReceiveLimits(max_message_bytes=2000, max_fragments=8)
MASK = b"\x37\xfa\x21\x3d"

payloads = st.binary(max_size=150)
texts = st.text(max_size=100) | st.text(alphabet="x", min_size=120, max_size=600)
controls = st.one_of(
    payloads.map(lambda payload: Ping(payload[:125])),
    payloads.map(lambda payload: Pong(payload[:125])),
)
events = st.lists(texts | payloads | controls, max_size=6)
cuts = st.lists(st.integers(0, 4000), max_size=8)


@st.composite
def streams(draw: st.DrawFn, role: Role) -> tuple[bytes, list[Event]]:
    """Bytes as a peer may send them to ``role``, and the events they mean."""
    data = b""
    expected: list[Event] = []
    for event in draw(events):
        for opcode, payload, final, compressed in draw(fragmented(event)):
            data += written(role, opcode, payload, final=final, compressed=compressed)
        expected.append(event)
    if draw(st.booleans()):
        data += written(role, Opcode.CLOSE, close_payload(1000, "bye"))
        expected.append(Close(1000, "bye"))
    return data, expected


@st.composite
def fragmented(draw: st.DrawFn, event: Event) -> list[tuple[int, bytes, bool, bool]]:
    if isinstance(event, Ping | Pong):
        return [
            (Opcode.PING if isinstance(event, Ping) else Opcode.PONG, event.payload, True, False)
        ]
    opcode = Opcode.TEXT if isinstance(event, str) else Opcode.BINARY
    payload = event.encode() if isinstance(event, str) else bytes(event)  # type: ignore[arg-type]
    compressed = draw(st.booleans())
    payload = deflate(payload) if compressed else payload
    ends = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    pieces = [payload[start:end] for start, end in zip([0, *ends], [*ends, None], strict=True)]
    return [
        (0 if at else opcode, piece, at == len(ends), compressed and not at)
        for at, piece in enumerate(pieces)
    ]


def written(
    role: Role, opcode: int, payload: bytes, *, final: bool = True, compressed: bool = False
) -> bytes:
    if role is Role.CLIENT:
        return frame(opcode, payload, final=final, compressed=compressed)
    return masked_frame(opcode, payload, MASK, final=final, compressed=compressed)


def outcome(
    role: Role, reads: list[bytes], *, takes_short_cut: bool = True
) -> tuple[list[Event], int | None]:
    """The events of ``reads``, and the close code if they end in a violation."""
    receiver = Receiver(role, LIMITS, Inflater())
    found: list[Event] = []
    try:
        for data in reads:
            receiver.feed(memoryview(bytearray(data)))
            event: Event | None = ""
            while event is not None:
                if takes_short_cut:
                    found += receiver.texts()
                if (event := receiver.next()) is not None:
                    found.append(event)
            receiver.settle()
    except ProtocolViolated as violation:
        assert receiver.next() is None
        return found, violation.close_code
    return found, None


def cut(data: bytes, at: list[int]) -> list[bytes]:
    ends = sorted(min(end, len(data)) for end in at)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, None], strict=True)]


@given(streams(Role.SERVER), cuts)
def test_a_server_reads_the_same_however_the_bytes_are_cut(
    stream: tuple[bytes, list[Event]], at: list[int]
) -> None:
    data, expected = stream
    assert outcome(Role.SERVER, cut(data, at)) == (expected, None)


@given(streams(Role.CLIENT), cuts)
def test_a_client_reads_the_same_however_the_bytes_are_cut(
    stream: tuple[bytes, list[Event]], at: list[int]
) -> None:
    data, expected = stream
    assert outcome(Role.CLIENT, cut(data, at)) == (expected, None)


@given(streams(Role.SERVER))
def test_a_server_reads_the_same_byte_by_byte(stream: tuple[bytes, list[Event]]) -> None:
    data, expected = stream
    assert outcome(Role.SERVER, [data[at : at + 1] for at in range(len(data))]) == (expected, None)


@given(streams(Role.SERVER), st.binary(min_size=1, max_size=60), st.integers(0, 4000), cuts)
def test_garbage_is_refused_the_same_however_it_is_cut(
    stream: tuple[bytes, list[Event]], garbage: bytes, where: int, at: list[int]
) -> None:
    data = stream[0][:where] + garbage + stream[0][where:]
    assert outcome(Role.SERVER, [data]) == outcome(Role.SERVER, cut(data, at))


@given(streams(Role.SERVER), st.binary(max_size=60), st.integers(0, 4000), cuts)
def test_the_short_cut_for_texts_changes_nothing(
    stream: tuple[bytes, list[Event]], garbage: bytes, where: int, at: list[int]
) -> None:
    reads = cut(stream[0][:where] + garbage + stream[0][where:], at)
    long_way = outcome(Role.SERVER, reads, takes_short_cut=False)
    assert outcome(Role.SERVER, reads) == long_way


@given(st.lists(st.binary(max_size=80)), st.sampled_from(Role))
def test_random_bytes_raise_nothing_but_a_violation(reads: list[bytes], role: Role) -> None:
    assert outcome(role, reads)[1] in (None, 1002, 1007, 1009)
