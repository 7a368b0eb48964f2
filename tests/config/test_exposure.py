import socket

import pytest
from msgspec.structs import replace

from tidewire.config import (
    Api,
    Auth,
    Network,
    Proxy,
    Secret,
    Server,
    Settings,
    Tls,
    check_exposure,
    is_reachable_by_others,
)
from tidewire.errors import ConfigError

KEYS = Auth(secrets=(Secret("0123456789abcdef" * 2),))
ANYBODY = Auth(anonymous=True)
TLS = Tls(cert="cert.pem", key="key.pem")
BEHIND = Proxy(behind=True, trusted=(Network("10.0.0.0/8"),))


def public(auth: Auth, tls: Tls | None = None, proxy: Proxy | None = None) -> Settings:
    server = Server(host="0.0.0.0")
    return Settings(server=server, auth=auth, tls=tls or Tls(), proxy=proxy or Proxy())


@pytest.mark.parametrize(
    ("host", "is_reachable"),
    [
        ("127.0.0.1", False),
        ("127.1.2.3", False),
        ("::1", False),
        ("[::1]", False),
        ("localhost", False),
        ("LOCALHOST", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.0.2.1", True),
        ("fe80::1%eth0", True),
        ("example.com", True),
        ("localhost.example.com", True),
        ("", True),
    ],
)
def test_only_loopback_addresses_are_out_of_others_reach(host: str, is_reachable: bool) -> None:
    assert is_reachable_by_others(Server(host=host)) is is_reachable


@pytest.mark.parametrize(("host", "is_reachable"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_an_inherited_socket_is_asked_what_it_listens_on(host: str, is_reachable: bool) -> None:
    with socket.create_server((host, 0)) as listening:
        assert is_reachable_by_others(Server(fd=listening.fileno())) is is_reachable
        assert listening.getsockname()[0] == host, "the socket itself is still open"


def test_a_descriptor_that_is_no_socket_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match="file descriptor 99999 is no socket"):
        is_reachable_by_others(Server(fd=99_999))


def test_a_unix_socket_is_out_of_others_reach() -> None:
    assert not is_reachable_by_others(Server(host="0.0.0.0", uds="/run/tidewire.sock"))


@pytest.mark.parametrize(
    "settings",
    [
        Settings(auth=KEYS),
        Settings(auth=ANYBODY),
        public(KEYS, tls=TLS),
        public(KEYS, proxy=BEHIND),
        public(ANYBODY, tls=TLS),
    ],
)
def test_what_was_said_explicitly_may_start(settings: Settings) -> None:
    check_exposure(settings)


def test_tokens_are_not_carried_in_the_clear_where_others_can_listen() -> None:
    with pytest.raises(ConfigError, match="no TLS unless you give --tls-cert"):
        check_exposure(public(KEYS))


def test_strangers_are_not_let_in_by_a_command_that_was_not_told_to() -> None:
    with pytest.raises(ConfigError, match="anonymous clients unless you give --anonymous"):
        check_exposure(public(ANYBODY, tls=TLS), anonymous_was_asked_for=False)
    check_exposure(Settings(auth=ANYBODY), anonymous_was_asked_for=False)


def test_a_server_nobody_could_enter_says_what_to_configure() -> None:
    """Catalogue 81: there is no default secret."""
    with pytest.raises(ConfigError, match=r"configure a key .* or let everybody in"):
        check_exposure(Settings())


def test_an_application_may_decide_itself_who_enters() -> None:
    check_exposure(Settings(), app_authenticates=True)


def test_the_apis_own_listener_does_not_carry_keys_in_the_clear() -> None:
    """Catalogue 81."""
    api = Api(keys=(f"shop:{'0' * 64}",), port=9000, host="0.0.0.0")
    with pytest.raises(ConfigError, match="the API does not start without TLS"):
        check_exposure(Settings(auth=Auth(anonymous=True), api=api))
    check_exposure(Settings(auth=Auth(anonymous=True), api=replace(api, host="127.0.0.1")))
