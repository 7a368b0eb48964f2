"""Who may use the HTTP API."""

from __future__ import annotations

import os

import pytest

from tidewire.errors import ConfigError
from tidewire.security.api_keys import MAX_KEY_LENGTH, ApiKeys, line_of, make_key


def test_a_key_is_known_by_its_name_and_only_its_hash_is_kept() -> None:
    key = make_key(os.urandom)
    line = line_of("shop", key)
    assert key not in line
    assert ApiKeys([line]).name_of(key) == "shop"


def test_two_keys_may_be_in_force_while_one_takes_the_others_place() -> None:
    old, new = make_key(os.urandom), make_key(os.urandom)
    keys = ApiKeys([line_of("old", old), line_of("new", new)])
    assert (keys.name_of(old), keys.name_of(new)) == ("old", "new")


@pytest.mark.parametrize("given", ["", "twk_", "x" * 47, "x" * (MAX_KEY_LENGTH + 1), "\ud800"])
def test_any_other_key_is_nobodys(given: str) -> None:
    assert ApiKeys([line_of("shop", make_key(os.urandom))]).name_of(given) is None


def test_without_a_configured_key_none_is_right() -> None:
    """Catalogue 81: there is no default."""
    assert ApiKeys().name_of("") is None
    assert ApiKeys().name_of("secret") is None


def test_a_key_put_where_its_hash_belongs_is_refused_and_not_repeated() -> None:
    key = make_key(os.urandom)
    with pytest.raises(ConfigError, match="name:hash") as caught:
        ApiKeys([f"shop:{key}"])
    assert key not in str(caught.value)


def test_a_name_that_could_forge_a_log_line_is_refused() -> None:
    with pytest.raises(ConfigError):
        line_of("shop\nadmin", make_key(os.urandom))
