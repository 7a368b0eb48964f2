import pytest

from tidewire.config import Auth, Network, Secret

TEXT = "correct horse battery staple, twice over"


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, lambda secret: repr(Auth(secrets=(secret,)))]
)
def test_a_secret_shows_itself_only_when_asked_to(show) -> None:  # type: ignore[no-untyped-def]
    assert TEXT not in show(Secret(TEXT))
    assert Secret(TEXT).reveal() == TEXT.encode()


def test_a_single_address_is_a_network_of_one() -> None:
    assert str(Network("192.0.2.1")) == "192.0.2.1/32"
    assert Network("10.1.2.3/8") == Network("10.0.0.0/8")


def test_believing_everybody_about_addresses_has_to_be_spelled_out() -> None:
    """Catalogue 28."""
    with pytest.raises(ValueError, match="lets every client choose its own address"):
        Network("*")
