"""The receiver returns what was sent, and refuses what breaks a rule."""

from __future__ import annotations

import sys

import pytest

from tests.support import rawframes
from tests.support.rawframes import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from tidewire.errors import ProtocolViolated
from tidewire.websocket.receiver import (
    Close,
    Event,
    Ping,
    Pong,
    ReceiveLimits,
    Receiver,
    Role,
)

LIMITS = ReceiveLimits()


def server(limits: ReceiveLimits = LIMITS) -> Receiver:
    return Receiver(Role.SERVER, limits)


def pull(receiver: Receiver, *reads: bytes) -> list[Event]:
    """Everything that comes out of ``reads``, each settled like a read of its own."""
    events: list[Event] = []
    for data in reads:
        receiver.feed(memoryview(bytearray(data)))
        events += receiver.texts()
        while (event := receiver.next()) is not None:
            events.append(event)
            events += receiver.texts()
        receiver.settle()
    return events


def refusal(*reads: bytes, limits: ReceiveLimits = LIMITS) -> int:
    """The close code that ``reads`` earn."""
    receiver = server(limits)
    with pytest.raises(ProtocolViolated) as caught:
        pull(receiver, *reads)
    assert receiver.next() is None
    return caught.value.close_code


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


# --- what comes out ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 100, 125, 126, 449, 450, 60_000, 65_535, 65_536])
def test_text_comes_out_as_str_and_binary_as_bytes(size: int) -> None:
    text, binary = "x" * size, b"\xff" * size
    data = rawframes.text(text) + rawframes.frame(BINARY, binary)
    assert pull(server(), data) == [text, binary]
    assert pull(server(), *bytewise(data[:4000]), data[4000:]) == [text, binary]


@pytest.mark.parametrize("size", [0, 100, 126, 65_536])
def test_a_client_reads_frames_that_are_not_masked(size: int) -> None:
    data = rawframes.frame(TEXT, b"x" * size, mask=b"")
    receiver = Receiver(Role.CLIENT, LIMITS)
    assert pull(receiver, data, data[:5], data[5:]) == ["x" * size] * 2


@pytest.mark.parametrize("size", [0, 100, 126, 65_536])
def test_a_client_closes_on_frames_that_are_masked(size: int) -> None:
    with pytest.raises(ProtocolViolated) as caught:
        pull(Receiver(Role.CLIENT, LIMITS), rawframes.frame(TEXT, b"x" * size))
    assert caught.value.close_code == 1002


@pytest.mark.parametrize("size", [0, 100, 126, 65_536])
def test_a_server_closes_on_frames_that_are_not_masked(size: int) -> None:
    """Catalogue 29."""
    assert refusal(rawframes.frame(TEXT, b"x" * size, mask=b"")) == 1002


def test_fragments_come_out_as_one_message() -> None:
    fragments = (
        rawframes.frame(TEXT, "grün".encode()[:3], fin=False),
        rawframes.frame(CONTINUATION, b"", fin=False),
        rawframes.frame(CONTINUATION, "grün".encode()[3:]),
    )
    assert pull(server(), *fragments) == pull(server(), b"".join(fragments)) == ["grün"]


def test_control_frames_come_out_between_the_fragments_of_a_message() -> None:
    data = (
        rawframes.frame(BINARY, b"a", fin=False)
        + rawframes.frame(PING, b"are you there")
        + rawframes.frame(PONG)
        + rawframes.frame(CONTINUATION, b"b")
    )
    assert pull(server(), data) == [Ping(b"are you there"), Pong(b""), b"ab"]


def test_the_connection_may_stop_between_two_frames() -> None:
    receiver = server()
    receiver.feed(rawframes.text("one") + rawframes.text("two"))
    assert receiver.next() == "one"
    receiver.settle()
    receiver.feed(rawframes.text("three"))
    assert [receiver.next(), receiver.next(), receiver.next()] == ["two", "three", None]


def test_the_connection_may_stop_between_two_texts() -> None:
    receiver = server()
    receiver.feed(rawframes.text("one") + rawframes.text("two") + rawframes.text("three"))
    assert next(receiver.texts()) == "one"
    assert receiver.next() == "two"
    receiver.settle()
    assert list(receiver.texts()) == ["three"]
    assert not receiver.settle()


def test_texts_end_where_anything_else_comes() -> None:
    others = [
        rawframes.frame(PING, b""),
        rawframes.frame(BINARY, b""),
        rawframes.frame(TEXT, b"half", fin=False),
        rawframes.frame(TEXT, b"\xff"),
        rawframes.text("x" * 126),
        rawframes.text("cut")[:-1],
    ]
    for other in others:
        receiver = server()
        receiver.feed(rawframes.text("one") + other + rawframes.text("two"))
        assert list(receiver.texts()) == ["one"]


def test_no_text_is_short_of_a_message_that_has_begun() -> None:
    receiver = server()
    receiver.feed(rawframes.frame(TEXT, b"half", fin=False))
    assert receiver.next() is None
    receiver.feed(rawframes.text("two"))
    assert list(receiver.texts()) == []


def test_a_text_above_the_limit_is_left_to_be_refused() -> None:
    receiver = server(ReceiveLimits(max_message_bytes=10))
    receiver.feed(rawframes.text("x" * 11))
    assert list(receiver.texts()) == []
    with pytest.raises(ProtocolViolated):
        receiver.next()


def test_the_view_may_be_overwritten_once_the_read_is_settled() -> None:
    shared = bytearray(rawframes.text("kept") * 2)
    receiver = server()
    receiver.feed(memoryview(shared)[:-3])
    receiver.next()
    receiver.settle()
    shared[:] = bytes(len(shared))
    assert pull(receiver, rawframes.text("kept")[-3:]) == ["kept"]


# --- closing ----------------------------------------------------------------------------------


def test_a_close_comes_out_with_its_code_and_reason() -> None:
    assert pull(server(), rawframes.close(4999, "tschüss".encode())) == [Close(4999, "tschüss")]
    assert pull(server(), rawframes.frame(CLOSE)) == [Close(None, "")]


def test_whatever_follows_a_close_is_ignored() -> None:
    """Catalogue 46."""
    after = rawframes.text("x") + rawframes.close(1001) + b"\xff\xff"
    receiver = server()
    assert pull(receiver, rawframes.close(1000) + after, after) == [Close(1000, "")]
    assert not receiver.settle()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])
def test_a_close_code_that_may_not_be_sent_is_refused(code: int) -> None:
    """Catalogue 45."""
    assert refusal(rawframes.close(code)) == 1002


def test_a_close_with_half_a_code_is_refused() -> None:
    """Catalogue 45."""
    assert refusal(rawframes.frame(CLOSE, b"\x03")) == 1002


def test_a_close_reason_that_is_not_utf8_is_refused() -> None:
    """Catalogue 45."""
    assert refusal(rawframes.close(1000, b"\xff")) == 1007


# --- order and reserved bits ------------------------------------------------------------------

BEGUN = rawframes.frame(TEXT, b"a", fin=False)

OUT_OF_ORDER = {
    "continuation of nothing": rawframes.frame(CONTINUATION, b"a"),
    "continuation after the end": rawframes.text("a") + rawframes.frame(CONTINUATION, b"a"),
    "text within a message": BEGUN + rawframes.text("b"),
    "long text within a message": BEGUN + rawframes.text("b" * 200),
    "binary within a message": BEGUN + rawframes.frame(BINARY, b"b"),
}


@pytest.mark.parametrize("data", OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
def test_data_frames_out_of_order_are_refused(data: bytes) -> None:
    """Catalogue 35."""
    assert refusal(data) == 1002
    assert refusal(*bytewise(data)) == 1002


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("size", [5, 200])
def test_reserved_bits_nobody_agreed_on_are_refused(rsv: int, size: int) -> None:
    """Catalogue 30."""
    assert refusal(rawframes.frame(TEXT, bytes(size), rsv=rsv)) == 1002


def test_nothing_that_follows_a_violation_is_returned() -> None:
    """Catalogue 47."""
    receiver = server()
    receiver.feed(rawframes.text("before") + b"\xff\xff" + rawframes.text("after"))
    assert receiver.next() == "before"
    with pytest.raises(ProtocolViolated):
        receiver.next()
    receiver.feed(rawframes.text("later"))
    assert receiver.next() is None


@pytest.mark.parametrize("size", [3, 200])
def test_nothing_that_follows_bad_text_is_returned(size: int) -> None:
    """Catalogue 47."""
    receiver = server()
    receiver.feed(rawframes.frame(TEXT, b"\xff" * size) + rawframes.text("after"))
    with pytest.raises(ProtocolViolated):
        receiver.next()
    assert receiver.next() is None


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [65_537, 2**31, 2**40, 2**63 - 1])
def test_an_announced_length_is_refused_from_the_head_alone(length: int) -> None:
    """Catalogue 32."""
    field = b"\x7f" + length.to_bytes(8, "big")
    assert refusal(rawframes.frame(BINARY, length=field)) == 1009


def test_the_head_of_a_length_within_the_limit_allocates_nothing() -> None:
    """Catalogue 32."""
    roomy = server(ReceiveLimits(max_message_bytes=2**40))
    field = b"\x7f" + (2**40).to_bytes(8, "big")
    assert pull(roomy, rawframes.frame(BINARY, length=field)) == []
    assert roomy.settle()


@pytest.mark.parametrize("size", [0, 10, 130, 300])
def test_a_message_is_refused_one_byte_above_its_limit(size: int) -> None:
    limits = ReceiveLimits(max_message_bytes=size)
    assert pull(server(limits), rawframes.text("x" * size)) == ["x" * size]
    assert refusal(rawframes.text("x" * (size + 1)), limits=limits) == 1009


def test_the_limit_holds_for_all_fragments_together() -> None:
    """Catalogue 36."""
    fragment = rawframes.frame(CONTINUATION, bytes(1000), fin=False)
    begun = rawframes.frame(BINARY, bytes(1000), fin=False)
    assert pull(server(), begun + fragment * 64) == []
    assert refusal(begun + fragment * 65) == 1009


@pytest.mark.parametrize("payload", [b"", b"x"])
def test_a_message_of_too_many_fragments_is_refused(payload: bytes) -> None:
    """Catalogue 37."""
    begun = rawframes.frame(TEXT, payload, fin=False)
    fragment = rawframes.frame(CONTINUATION, payload, fin=False)
    end = rawframes.frame(CONTINUATION, payload)
    assert pull(server(), begun + fragment * 126 + end) == [(payload * 128).decode()]
    assert refusal(begun + fragment * 127 + end) == 1009


def test_ten_thousand_fragments_in_one_read_do_not_pass_uncounted() -> None:
    """Catalogue 37 and 40: no more than 128 frames are taken in before control returns."""
    receiver = server()
    begun = rawframes.frame(TEXT, b"", fin=False)
    receiver.feed(begun + rawframes.frame(CONTINUATION, b"", fin=False) * 10_000)
    with pytest.raises(ProtocolViolated):
        receiver.next()
    assert receiver.frames == LIMITS.max_fragments + 1


def test_every_frame_counts_against_the_budget() -> None:
    """Catalogue 40."""
    receiver = server()
    data = rawframes.text("a") + rawframes.text("b" * 300) + rawframes.frame(PING) + BEGUN
    pull(receiver, *bytewise(data))
    assert receiver.frames == 4
    receiver.frames = 0
    pull(receiver, rawframes.frame(PONG) + rawframes.frame(CONTINUATION))
    assert receiver.frames == 2


def test_an_unfinished_message_is_seen_as_one() -> None:
    """Catalogue 38: the connection's deadline asks this."""
    receiver = server()
    seen = [pull(receiver, byte) or receiver.settle() for byte in bytewise(BEGUN)]
    assert seen == [True] * len(BEGUN)
    pull(receiver, rawframes.frame(PING))
    assert receiver.settle()
    pull(receiver, rawframes.frame(CONTINUATION))
    assert not receiver.settle()


def test_a_message_sent_byte_by_byte_costs_no_more_than_its_bytes() -> None:
    """Catalogue 38: one buffer, not an object for each piece."""
    receiver = server()
    pull(receiver, *bytewise(rawframes.frame(BINARY, bytes(60_000))[:-1]))
    message = receiver._message
    assert message is not None
    assert sys.getsizeof(message._buffer) < 2 * 60_000


def test_an_idle_receiver_costs_little_memory() -> None:
    receiver = server()
    pull(receiver, rawframes.text("x" * 1000), rawframes.frame(PING))
    assert sys.getsizeof(receiver) <= 128
    assert receiver._data == b""
    assert receiver._message is None


# --- UTF-8 ------------------------------------------------------------------------------------

NOT_UTF8 = {
    "a surrogate": b"\xed\xa0\x80",
    "an overlong slash": b"\xc0\xaf",
    "an overlong null": b"\xe0\x80\x80",
    "above the last character": b"\xf4\x90\x80\x80",
    "a lone continuation": b"\x80",
    "an unfinished character": b"\xe2\x82",
    "an impossible byte": b"\xff",
}


@pytest.mark.parametrize("wrong", NOT_UTF8.values(), ids=NOT_UTF8)
@pytest.mark.parametrize("before", [0, 200, 1000])
def test_text_that_is_not_utf8_is_refused(wrong: bytes, before: int) -> None:
    """Catalogue 39."""
    data = rawframes.frame(TEXT, b"x" * before + wrong)
    assert refusal(data) == 1007
    assert refusal(*bytewise(data)) == 1007


@pytest.mark.parametrize("wrong", NOT_UTF8.values(), ids=NOT_UTF8)
def test_text_that_is_not_utf8_is_refused_in_fragments(wrong: bytes) -> None:
    """Catalogue 39."""
    data = rawframes.frame(TEXT, b"x", fin=False)
    for byte in bytewise(wrong):
        data += rawframes.frame(CONTINUATION, byte, fin=False)
    assert refusal(data + rawframes.frame(CONTINUATION)) == 1007


def test_the_first_wrong_byte_ends_the_message_before_its_frame_ends() -> None:
    """Catalogue 39: fail fast, as the strict cases of Autobahn 6.4 ask."""
    data = rawframes.frame(TEXT, b"x" * 1000 + b"\xf4\x90" + b"x" * 60_000)
    head_and_text = data[: 8 + 1001]
    assert pull(server(), head_and_text) == []
    assert refusal(head_and_text + data[8 + 1001 : 8 + 1002]) == 1007


def test_binary_messages_may_hold_any_bytes() -> None:
    assert pull(server(), rawframes.frame(BINARY, b"\xff\xc0")) == [b"\xff\xc0"]
