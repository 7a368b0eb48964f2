"""Header lists are read in one pass, and mean the same on one line or several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.websocket.headers import Extension, extensions, fields_of, tokens, values_of


def test_a_header_is_found_in_any_case_and_on_every_line() -> None:
    headers = ((b"Host", b"a"), (b"ACCEPT", b" b\t"), (b"accept", b"c"))
    assert values_of(fields_of(headers), b"accept") == ["b", "c"]


def test_a_value_that_is_not_ascii_is_malformed() -> None:
    with pytest.raises(ValueError, match="ascii"):
        values_of(fields_of([(b"host", b"\xc3\xa9")]), b"host")


def test_a_token_list_may_span_lines_and_hold_empty_elements() -> None:
    assert tokens(["keep-alive,\tUpgrade", "", ",,x ,"]) == ["keep-alive", "Upgrade", "x"]


@pytest.mark.parametrize("value", ["a b", 'a"', "(a)", "a=b", "a;b", "é"])
def test_a_token_with_anything_else_in_it_is_malformed(value: str) -> None:
    with pytest.raises(ValueError, match="malformed token"):
        tokens([value])


def test_extensions_are_read_with_their_parameters() -> None:
    assert extensions(['a; x; y=1 ; z = "2" , b', 'c;q="\\7"']) == [
        Extension("a", (("x", None), ("y", "1"), ("z", "2"))),
        Extension("b"),
        Extension("c", (("q", "7"),)),
    ]


@pytest.mark.parametrize(
    "value",
    ["a;", "a=1", "a; =1", "a; x=", 'a; x="', 'a; x="1', 'a; x="\\', 'a; x=""', 'a; x="1 2"',
     "a b", "a; x=1 y", ";", 'a; x="\\"'],
)  # fmt: skip
def test_a_malformed_extension_list_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"malformed|unfinished"):
        extensions([value])


@given(st.text(alphabet='ab ,;="\\\t', max_size=60))
def test_any_header_is_either_read_or_malformed(value: str) -> None:
    """Catalogue 14."""
    try:
        found = extensions([value])
    except ValueError:
        return
    assert all(extension.name for extension in found)
