import pytest

from tidewire.config.fields import FIELDS, nearest


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("server.port", "a whole number from 0 to 65535"),
        ("auth.anonymous", "true or false"),
        ("log.format", "one of auto, text, json"),
        ("heartbeat.timeout_s", "a number above 0, up to 3600"),
        ("proxy.trusted", "a list of networks such as 10.0.0.0/8"),
        ("tls.cert", "text"),
        ("server.fd", "a whole number from 0"),
    ],
)
def test_what_a_setting_accepts_is_said_in_words(path: str, words: str) -> None:
    assert FIELDS[path].accepts == words


def test_a_variable_is_named_after_section_and_setting() -> None:
    assert FIELDS["limits.message_bytes"].variable == "TIDEWIRE_LIMITS__MESSAGE_BYTES"


def test_a_wrong_name_is_answered_with_the_nearest_right_one() -> None:
    assert nearest("server.prot", FIELDS) == "; did you mean server.port?"
    assert nearest("something else entirely", FIELDS) == ""
