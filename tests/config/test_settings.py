import pytest

from tidewire.config import Settings
from tidewire.config.fields import CHANNEL_FIELDS, FIELDS, Field

DURATIONS = {"interval", "timeout", "ttl", "age", "leeway", "alive"}


def test_the_defaults_are_safe_for_a_machine_that_is_reachable() -> None:
    settings = Settings()
    assert settings.server.host == "127.0.0.1"
    assert not settings.auth.anonymous
    assert not settings.proxy.behind
    assert not settings.compression.enabled
    assert settings.auth.cookie is None


@pytest.mark.parametrize(
    "field", [*FIELDS.values(), *CHANNEL_FIELDS.values()], ids=lambda f: f.path
)
def test_every_setting_says_in_one_sentence_what_it_is(field: Field) -> None:
    assert field.description
    assert field.description[-1] == "."
    assert "\n" not in field.description


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda f: f.path)
def test_every_duration_has_its_unit_in_its_name(field: Field) -> None:
    is_duration = not DURATIONS.isdisjoint(field.name.split("_"))
    assert field.name.endswith("_s") or not is_duration
