"""The native dialect, beside the vectors: what no list of examples can show."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import Raw

from tests.support.publications import TIMESTAMP, entry
from tidewire.dialects.base import Undecodable
from tidewire.dialects.native import MAX_DIGITS, NativeDialect
from tidewire.messages import MAX_SAFE_INTEGER, Publication, Publish, Subscribed

DIALECT = NativeDialect()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
OPTIONS = st.fixed_dictionaries(
    {"user_id": st.text()},
    optional={
        "once": st.text(),
        "key": st.text(),
        "ref": st.integers(0, MAX_SAFE_INTEGER),
    },
)


def _refusal(text: str) -> Undecodable:
    with pytest.raises(Undecodable) as refusal:
        DIALECT.decode(text)
    return refusal.value


def _written(publication: Publication) -> bytes:
    (written,) = DIALECT.publications([publication])
    return written


# --- what is sent -----------------------------------------------------------------------------


def _by_an_encoder(data: Any, options: dict[str, Any], kind: str) -> dict[str, Any]:
    """A publication as a JSON encoder would write it, its data being ``data``."""
    fields = dict(options)
    sender = {"from": user_id} if (user_id := fields.pop("user_id")) else {}
    envelope = {"type": kind, "channel": "room", "seq": 7, "tag": "t7", "timestamp": TIMESTAMP}
    beside = {"data": data} if kind == "message" else data
    return {**envelope, **sender, **fields, **beside}


@given(data=JSON, options=OPTIONS)
def test_a_publication_reads_as_if_an_encoder_had_written_it(
    data: Any, options: dict[str, Any]
) -> None:
    written = _written(entry(7, client_id="", data=json.dumps(data), **options))
    expected = _by_an_encoder(data, options, "message")
    assert json.loads(written) == msgspec.json.decode(written) == expected


@given(text=st.text(), options=OPTIONS)
def test_a_chat_message_carries_its_text_beside_the_envelope(
    text: str, options: dict[str, Any]
) -> None:
    data = json.dumps({"text": text}, ensure_ascii=False)
    written = _written(entry(7, kind="chat", client_id="", data=data, **options))
    assert json.loads(written) == _by_an_encoder({"text": text}, options, "chat")


ENTRIES = st.builds(
    entry,
    seq=st.integers(1, 3),
    channel=st.sampled_from(["room", "hall"]),
    timestamp=st.integers(1, 2),
    user_id=st.sampled_from(["", "ann", 'b"ob']),
    once=st.none() | st.just("o"),
    key=st.none() | st.just("k"),
    kind=st.sampled_from(["message", "bell"]),
    data=st.sampled_from(["{}", '{"text":"hi"}']),
)


@given(st.lists(ENTRIES, max_size=6))
def test_what_shares_a_batch_shares_nothing_else(batch: list[Publication]) -> None:
    assert list(DIALECT.publications(batch)) == [_written(each) for each in batch]


def test_a_kind_without_fields_of_its_own_is_its_envelope() -> None:
    written = json.loads(_written(entry(7, kind="bell", data="{}")))
    assert written["type"] == "bell"


@given(st.lists(JSON, max_size=4))
def test_an_answer_with_publications_holds_each_as_it_went_out_live(data: list[Any]) -> None:
    entries = [entry(seq, data=json.dumps(each)) for seq, each in enumerate(data, start=1)]
    answer = Subscribed(
        id=1, channel="room", epoch="e", seq=9, tag="t9", recovery="complete", messages=entries
    )
    written = json.loads(DIALECT.event(answer))
    assert written["messages"] == [json.loads(_written(each)) for each in entries]


# --- what is received -------------------------------------------------------------------------


@given(JSON)
def test_data_is_handed_on_as_it_came(data: Any) -> None:
    """Catalogue 62: whatever a payload says, it is the clients' own affair."""
    text = json.dumps({"type": "publish", "channel": "room", "data": data})
    command = DIALECT.decode(text)
    assert isinstance(command, Publish)
    assert json.loads(bytes(cast(Raw, command.data))) == data


def _is_understood(text: str) -> bool:
    """Whether it is a command; what is none is ``malformed`` and nothing else."""
    try:
        DIALECT.decode(text)
    except Undecodable as refusal:
        return refusal.code != "malformed"
    return True


@given(st.text(st.characters()) | st.text('{}[]":,\\tyepubdachnl0129.eE-+ \n\ud800', max_size=60))
def test_whatever_comes_is_refused_and_never_breaks_anything(text: str) -> None:
    """Catalogue 48 and 53."""
    assert not _is_understood(text)


@given(JSON, st.sampled_from(["chat", "publish", "subscribe", "history", "ping", "refresh"]))
def test_a_field_of_whatever_kind_is_understood_or_refused(value: Any, kind: str) -> None:
    """Catalogue 54 and 56."""
    for name in ("channel", "text", "data", "since", "limit", "token", "once"):
        _is_understood(json.dumps({"type": kind, name: value}))
    message = {"type": kind, "channel": "room", "text": "", "data": 1, "token": "x"}
    assert _is_understood(json.dumps({**message, "__proto__": value, "constructor": value}))


@given(st.text("0123456789.eE+-", min_size=1, max_size=30), st.integers(0, 400))
def test_no_number_is_relayed_that_a_browser_would_read_as_infinity(text: str, pad: int) -> None:
    """Catalogue 50 and 51."""
    message = f'{{"type":"publish","channel":"room","data":[{text}{"0" * pad}]}}'
    try:
        command = DIALECT.decode(message)
    except Undecodable:
        return
    assert isinstance(command, Publish)
    (number,) = json.loads(bytes(cast(Raw, command.data)))
    assert abs(float(number)) < float("inf")


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("nested", ["{}", "[{}]", '{{"n":{}}}'])
def test_the_largest_number_passes_and_the_next_digit_does_not(sign: str, nested: str) -> None:
    """Catalogue 50 and 51."""
    message = '{{"type":"publish","channel":"room","id":3,"data":{}}}'
    DIALECT.decode(message.format(nested.format(sign + "9" * MAX_DIGITS)))
    refusal = _refusal(message.format(nested.format(sign + "9" * (MAX_DIGITS + 1))))
    assert (refusal.code, refusal.id) == ("malformed", 3)


@pytest.mark.parametrize("digits", [20, 310, 5000, 60_000])
def test_an_id_of_any_length_is_refused_without_being_computed(digits: int) -> None:
    """Catalogue 51."""
    assert _refusal(f'{{"type":"ping","id":{"9" * digits}}}').id is None


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize("nesting", ["[", '{"a":'])
def test_a_message_as_deep_as_a_well_is_refused(depth: int, nesting: str) -> None:
    """Catalogue 49."""
    close = "]" if nesting == "[" else "}"
    deep = f"{nesting * depth}1{close * depth}"
    assert _refusal(f'{{"type":"publish","channel":"room","data":{deep}}}').code == "malformed"
    assert _refusal(f'{{"type":"ping","unknown":{deep}}}').code == "malformed"


@given(st.integers(0, MAX_SAFE_INTEGER) | st.text(max_size=64))
def test_a_refusal_answers_the_id_wherever_one_can_be_read(command_id: int | str) -> None:
    text = json.dumps({"type": "subscribe", "channel": 42, "id": command_id})
    assert _refusal(text).id == command_id


@given(JSON)
def test_a_refusal_never_answers_an_id_that_is_none(value: Any) -> None:
    is_id = isinstance(value, str) and len(value) <= 64
    is_id = is_id or (isinstance(value, int) and 0 <= value <= MAX_SAFE_INTEGER)
    assume(isinstance(value, bool) or not is_id)
    assert _refusal(json.dumps({"type": "subscribe", "id": value})).id is None


def test_a_refusal_is_short_however_long_what_it_refuses() -> None:
    assert len(str(_refusal(json.dumps({"type": "x" * 60_000})))) < 250
    assert len(str(_refusal(json.dumps({"type": "chat", "text": 1, "y" * 60_000: 2})))) < 250
