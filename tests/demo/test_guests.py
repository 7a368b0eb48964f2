"""Guests: names as they are shown to everybody, and ids that say who spoke."""

from __future__ import annotations

import pytest

from tidewire.demo.guests import MAX_NAME_LENGTH, clean_name, guest_for


def always_x(length: int) -> str:
    return "x" * length


def test_a_guest_is_called_what_it_chose() -> None:
    assert guest_for("Ada", always_x).info == {"name": "Ada"}


def test_a_guest_without_a_name_is_given_one() -> None:
    assert guest_for("", always_x).info == {"name": "guest-xxxx"}


def test_two_guests_of_one_name_are_two_users() -> None:
    assert guest_for("Ada").id != guest_for("Ada").id


def test_an_id_says_who_spoke_after_the_guest_has_gone() -> None:
    assert guest_for("Ada Lovelace", always_x).id == "ada-lovelace-xxxxxxx"


def test_a_guest_is_anonymous_whatever_its_name() -> None:
    assert guest_for("admin").is_anonymous


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("  Ada \n Lovelace ", "Ada Lovelace"),
        ("A\x00d\x1b[31ma", "A d [31ma"),
        ("Ada\u202egnp", "Ada gnp"),  # right-to-left override: the rest would read backwards
        ("\u200b\u200b", ""),
        ("名前", "名前"),
        ("a" * 41, "a" * MAX_NAME_LENGTH),
    ],
)
def test_a_name_is_one_visible_line_of_bounded_length(chosen: str, shown: str) -> None:
    assert clean_name(chosen) == shown


@pytest.mark.parametrize("chosen", ["名" * 40, "\U0001f30a" * 100, "\ud800", '"<b>', "\u0301" * 60])
def test_whatever_is_chosen_makes_a_valid_user(chosen: str) -> None:
    assert guest_for(chosen).info["name"]
