"""Ids that cannot be guessed and can be read aloud; tags from a pool."""

from __future__ import annotations

import random
import string

import pytest

from tidewire.security.ids import (
    ALPHABET,
    CLIENT_ID_LENGTH,
    USER_ID_LENGTH,
    TagSource,
    new_client_id,
    new_user_id,
    readable_id,
)


class Bytes:
    """Repeatable randomness that remembers how much was asked for at a time."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self._random = random.Random(1)

    def __call__(self, count: int) -> bytes:
        self.asked.append(count)
        return self._random.randbytes(count)


def test_an_id_has_five_random_bits_in_every_character() -> None:
    assert len(set(ALPHABET)) == 32
    every_byte_once = readable_id(256, lambda _: bytes(range(256)))
    assert all(every_byte_once.count(symbol) == 8 for symbol in ALPHABET)


@pytest.mark.parametrize("look_alike", "iloILOU")
def test_no_character_of_an_id_looks_like_another(look_alike: str) -> None:
    assert look_alike not in ALPHABET


def test_guests_have_fifty_bits_and_clients_eighty() -> None:
    assert (len(new_user_id()), len(new_client_id())) == (USER_ID_LENGTH, CLIENT_ID_LENGTH)
    assert (USER_ID_LENGTH * 5, CLIENT_ID_LENGTH * 5) == (50, 80)


def test_ids_of_the_system_are_different_each_time() -> None:
    assert len({new_user_id() for _ in range(1000)}) == 1000


def test_a_tag_is_eight_url_safe_characters_and_comes_once() -> None:
    take = TagSource(Bytes())
    tags = [take() for _ in range(5000)]
    assert len(set(tags)) == 5000
    assert {len(tag) for tag in tags} == {8}
    assert set("".join(tags)) <= set(string.ascii_letters + string.digits + "-_")


def test_randomness_is_asked_for_once_per_pool_and_not_per_tag() -> None:
    source = Bytes()
    take = TagSource(source)
    for _ in range(TagSource.TAGS_PER_POOL + 1):
        take()
    assert source.asked == [6 * 1024, 6 * 1024]


def test_any_number_of_tags_may_be_taken_at_once() -> None:
    source = TagSource(Bytes())
    taken = [source.take(count) for count in (3, 0, 2000, 1)]
    assert [len(tags) for tags in taken] == [3, 0, 2000, 1]
    assert len({tag for tags in taken for tag in tags}) == 2004


def test_two_sources_never_hand_out_the_same_tags() -> None:
    one, other = TagSource(), TagSource()
    assert {one() for _ in range(100)}.isdisjoint(other() for _ in range(100))
