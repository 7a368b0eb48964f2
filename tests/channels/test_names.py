"""The grammar of channel names, beside the vectors of ``spec/vectors/native.json``."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.channels.names import MAX_NAME_BYTES, check_name, is_name, segment
from tidewire.errors import CommandRefused


@pytest.mark.parametrize(
    "name", ["lobby", "chat:42", "a:b:c", "A-Z_0.9~@=+,!", "-", ".", "x" * MAX_NAME_BYTES]
)
def test_a_name_of_the_grammar_is_a_name(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * (MAX_NAME_BYTES + 1), id="too long"),
        pytest.param("x" * 10_240, id="10 KB"),
        pytest.param("*", id="star"),
        pytest.param("chat:>", id="greater"),
        pytest.param("../secrets", id="path"),
        pytest.param("a/b", id="slash"),
        pytest.param("lobby\n", id="trailing line feed"),
        pytest.param("lobby\r\nX: y", id="header injection"),
        pytest.param("lobby\0", id="NUL"),
        pytest.param("two words", id="space"),
        pytest.param("\u202elobby", id="right to left"),
        pytest.param("caf\u00e9", id="composed accent"),
        pytest.param("cafe\u0301", id="decomposed accent"),
        pytest.param("\uff4c\uff4f\uff42\uff42\uff59", id="full width"),
        pytest.param("a::b", id="empty segment"),
        pytest.param(":a", id="leading colon"),
        pytest.param("a:", id="trailing colon"),
        pytest.param("{hash}", id="braces"),
        pytest.param("h?llo", id="question mark"),
        pytest.param("h[ae]llo", id="brackets"),
        pytest.param("a\\b", id="backslash"),
    ],
)
def test_what_could_confuse_a_path_a_log_or_a_store_is_no_name(text: str) -> None:
    """Catalogue 59 and 60."""
    assert not is_name(text)
    with pytest.raises(CommandRefused) as refusal:
        check_name(text)
    assert refusal.value.code == "malformed"


@given(st.from_regex(re.compile(r"[a-zA-Z0-9_.~@=+,!:-]{1,40}"), fullmatch=True))
def test_a_text_of_allowed_characters_is_a_name_unless_a_segment_is_empty(text: str) -> None:
    assert is_name(text) == all(text.split(":"))


@given(st.text(max_size=20))
def test_no_name_can_be_mistaken_for_another(text: str) -> None:
    """Catalogue 59: ASCII is the same in every normal form, and never breaks a line."""
    if is_name(text):
        assert text.isascii()
        assert text.isprintable()
        assert unicodedata.normalize("NFKC", text) == text


def test_a_user_has_a_channel_whatever_alphabet_its_id_is_written_in() -> None:
    ids = ["a" * 128, "\u00e9" * 128, "\U0001f600" * 127 + "a", "\U0001f600" * 127 + "b"]
    names = [f"user:{segment(each)}" for each in ids]
    assert all(map(is_name, names))
    assert names[0] == f"user:{ids[0]}"
    assert len(set(names)) == len(ids)
