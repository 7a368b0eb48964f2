"""Compression is negotiated strictly, bounded when it is undone, and shared when it is made."""

from __future__ import annotations

import random
import zlib

import pytest

from tests.support import rawframes
from tests.support.rawframes import CONTINUATION, TEXT
from tidewire.errors import ProtocolViolated
from tidewire.websocket.deflate import (
    NAME,
    OFFER,
    Agreement,
    Inflater,
    check_agreement,
    compressed_frame,
    deflate,
    negotiate,
)
from tidewire.websocket.headers import Extension, extensions
from tidewire.websocket.receiver import ReceiveLimits, Receiver, Role

LIMITS = ReceiveLimits()


def agreed(offer: str) -> Agreement | None:
    return negotiate(extensions([offer]))


# --- negotiation ------------------------------------------------------------------------------


def test_a_plain_offer_is_accepted_without_any_context() -> None:
    agreement = agreed(NAME)
    assert agreement is not None
    assert agreement.header() == (
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    )


@pytest.mark.parametrize("bits", range(9, 15))
def test_a_window_the_client_asks_for_is_granted(bits: int) -> None:
    agreement = agreed(f"{NAME}; server_max_window_bits={bits}; client_max_window_bits")
    assert agreement is not None
    assert agreement.server_max_window_bits == bits
    assert agreement.header().endswith(f"; server_max_window_bits={bits}")


MALFORMED = [
    "server_no_context_takeover=1",
    "client_no_context_takeover=true",
    "server_no_context_takeover; server_no_context_takeover",
    "server_max_window_bits",
    "server_max_window_bits=8",
    "server_max_window_bits=16",
    "server_max_window_bits=09",
    "server_max_window_bits=+9",
    "server_max_window_bits=10; server_max_window_bits=10",
    "client_max_window_bits=7",
    "client_max_window_bits=x",
    "constructor",
    "Server_No_Context_Takeover",
]


@pytest.mark.parametrize("parameters", MALFORMED)
def test_an_offer_with_a_wrong_parameter_is_declined(parameters: str) -> None:
    """Catalogue 43."""
    assert agreed(f"{NAME}; {parameters}") is None


@pytest.mark.parametrize("parameters", MALFORMED)
def test_the_next_offer_is_taken_where_the_first_is_wrong(parameters: str) -> None:
    assert agreed(f"{NAME}; {parameters}, {NAME}") == agreed(NAME)


@pytest.mark.parametrize("name", ["constructor", "__proto__", "x-webkit-deflate-frame"])
def test_an_extension_we_do_not_know_is_ignored(name: str) -> None:
    """Catalogue 16."""
    assert agreed(name) is None
    assert agreed(f"{name}, {NAME}") == agreed(NAME)


def test_what_our_client_offers_is_what_our_server_accepts() -> None:
    agreement = agreed(OFFER)
    assert agreement is not None
    assert check_agreement(extensions([agreement.header()])) == agreement


@pytest.mark.parametrize(
    "answer",
    ["x", NAME, f"{OFFER}, {OFFER}", f"{NAME}; server_no_context_takeover; x", OFFER,
     f"{NAME}; server_no_context_takeover; client_max_window_bits=8"],
)  # fmt: skip
def test_an_answer_that_was_not_offered_fails_the_client(answer: str) -> None:
    with pytest.raises(ValueError, match="not offered"):
        check_agreement(extensions([answer]))


def test_no_extension_in_the_answer_means_no_compression() -> None:
    assert check_agreement([]) is None


def test_every_parameter_agreed_on_is_in_the_header() -> None:
    header = Agreement(True, True, 10, 12).header()
    assert extensions([header]) == [
        Extension(
            NAME,
            (
                ("server_no_context_takeover", None),
                ("client_no_context_takeover", None),
                ("server_max_window_bits", "10"),
                ("client_max_window_bits", "12"),
            ),
        )
    ]


# --- compressing ------------------------------------------------------------------------------


def test_the_example_of_the_specification_is_compressed_as_printed_there() -> None:
    """RFC 7692 section 7.2.3.1."""
    assert compressed_frame(TEXT, b"Hello") == bytes.fromhex("c107f248cdc9c90700")


def test_equal_messages_compress_to_equal_bytes_whoever_gets_them() -> None:
    """Catalogue 44: no message is compressed in the context of another."""
    secret = compressed_frame(TEXT, b"token=ebb-and-flow")
    compressed_frame(TEXT, b"token=guess")
    assert compressed_frame(TEXT, b"token=ebb-and-flow") == secret


@pytest.mark.parametrize("bits", [9, 12, 15])
@pytest.mark.parametrize("payload", [b"", b"a", b"wave " * 20_000], ids=len)
def test_what_is_compressed_inflates_to_the_same(bits: int, payload: bytes) -> None:
    inflater = Inflater(bits)
    inflated = inflater.inflate(deflate(payload, bits), len(payload))
    assert inflated + inflater.finish(len(payload) - len(inflated)) == payload


# --- inflating --------------------------------------------------------------------------------


def receiver(limits: ReceiveLimits = LIMITS, *, keeps_context: bool = False) -> Receiver:
    return Receiver(Role.SERVER, limits, Inflater(keeps_context=keeps_context))


def compressed(payload: bytes) -> bytes:
    return rawframes.frame(TEXT, deflate(payload), rsv=0b100)


def refusal(data: bytes, limits: ReceiveLimits = LIMITS) -> int:
    refusing = receiver(limits)
    refusing.feed(data)
    with pytest.raises(ProtocolViolated) as caught:
        refusing.next()
    return caught.value.close_code


def test_compressed_and_plain_messages_may_follow_each_other() -> None:
    reader = receiver()
    reader.feed(compressed(b"one") + rawframes.text("two") + compressed(b"three"))
    assert [reader.next(), reader.next(), reader.next()] == ["one", "two", "three"]


def test_a_bomb_is_refused_by_its_inflated_size() -> None:
    """Catalogue 42."""
    bomb = deflate(bytes(50_000_000))
    assert len(bomb) < LIMITS.max_message_bytes
    assert refusal(rawframes.frame(TEXT, bomb, rsv=0b100)) == 1009


def test_a_compressed_message_is_refused_one_byte_above_the_limit() -> None:
    """Catalogue 42."""
    limits = ReceiveLimits(max_message_bytes=1000)
    reader = receiver(limits)
    reader.feed(compressed(b"x" * 1000))
    assert reader.next() == "x" * 1000
    assert refusal(compressed(b"x" * 1001), limits) == 1009


def test_a_message_that_cannot_be_compressed_still_fits() -> None:
    noise = random.Random(1).randbytes(LIMITS.max_message_bytes)
    reader = receiver()
    reader.feed(rawframes.frame(rawframes.BINARY, deflate(noise), rsv=0b100))
    assert reader.next() == noise


def test_a_compressed_payload_far_above_its_limit_is_refused_from_the_head() -> None:
    """Catalogue 32."""
    field = b"\x7f" + (2**40).to_bytes(8, "big")
    assert refusal(rawframes.frame(TEXT, rsv=0b100, length=field)) == 1009


def test_a_payload_that_cannot_be_inflated_is_refused() -> None:
    assert refusal(rawframes.frame(TEXT, b"\xff\xff\xff", rsv=0b100)) == 1007


def test_inflated_text_must_be_utf8_like_any_other() -> None:
    """Catalogue 39."""
    assert refusal(compressed(b"\xed\xa0\x80")) == 1007


def test_the_compressed_bit_on_a_continuation_is_refused() -> None:
    """Catalogue 43."""
    begun = rawframes.frame(TEXT, deflate(b"x"), rsv=0b100, fin=False)
    assert refusal(begun + rawframes.frame(CONTINUATION, b"", rsv=0b100)) == 1002


def test_a_peer_that_keeps_its_context_is_understood() -> None:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    reader = receiver(keeps_context=True)
    for _ in range(2):
        data = compressor.compress(b"same words") + compressor.flush(zlib.Z_SYNC_FLUSH)
        reader.feed(rawframes.frame(TEXT, data[:-4], rsv=0b100))
        assert reader.next() == "same words"


def test_a_message_in_a_final_block_does_not_end_the_stream() -> None:
    """RFC 7692 section 7.2.3.4."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    final = compressor.compress(b"Hello") + compressor.flush() + b"\0"
    reader = receiver(keeps_context=True)
    reader.feed(rawframes.frame(TEXT, final, rsv=0b100) * 2)
    assert [reader.next(), reader.next()] == ["Hello", "Hello"]


def test_an_inflater_without_context_keeps_nothing_between_messages() -> None:
    inflater = Inflater()
    inflater.inflate(deflate(b"x"), 10)
    inflater.finish(10)
    assert inflater._zlib is None
