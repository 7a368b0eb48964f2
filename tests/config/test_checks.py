from pathlib import Path

import pytest

from tests.support.certificates import write_certificate
from tidewire.config import (
    Auth,
    Channel,
    Engine,
    Limits,
    Lobby,
    Network,
    Origins,
    Proxy,
    Server,
    Settings,
    Tls,
)
from tidewire.config.checks import check_settings, check_tls
from tidewire.errors import ConfigError, StartFailed


def origin(text: str, auth: Auth | None = None) -> Settings:
    return Settings(origins=Origins(allowed=(text,)), auth=auth or Auth())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (Settings(server=Server(uds="a", fd=3)), "exclude each other"),
        (Settings(server=Server(host="")), "0.0.0.0 listens on every address"),
        (Settings(server=Server(websocket_paths=("ws",))), '"ws" must start with /'),
        (Settings(server=Server(root_path="chat")), '"chat" must start with /'),
        (Settings(tls=Tls(cert="a")), "tls.cert needs tls.key beside it"),
        (Settings(tls=Tls(key="a")), "tls.key needs tls.cert beside it"),
        (Settings(tls=Tls(key_password_file="a")), "needs tls.cert and tls.key beside it"),
        (Settings(tls=Tls(cert="/none", key="/none")), "cannot read /none: No such file"),
        (Settings(proxy=Proxy(behind=True)), "needs the proxy's address"),
        (origin("*", Auth(cookie="session")), "lets any web page use the cookie"),
        (origin("app.example.com"), "is no origin; write it as https://app.example.com"),
        (origin("https://app.example.com/"), "is no origin"),
        (origin("https://app.example.com@evil.example"), "is no origin"),
        (origin("https://app.example.com:port"), "is no origin"),
        (origin("ftp://app.example.com"), "is no origin"),
        (Settings(auth=Auth(jwks_url="http://issuer.example")), "must be an https address"),
        (Settings(auth=Auth(jwks_url="https://[")), "must be an https address"),
        (Settings(auth=Auth(jwks_url="file:///etc/passwd")), "must be an https address"),
        (Settings(engine=Engine(url="redis://x")), 'engine.url: "redis://x" names no engine'),
        (Settings(limits=Limits(queue_bytes=1)), "queue_bytes must be at least limits.message"),
        (Settings(limits=Limits(publication_bytes_burst=1)), "burst must be at least limits.me"),
        (Settings(lobby=Lobby(channel="the lobby")), '"the lobby" is no channel name'),
        (Settings(channels=(Channel(pattern="a/b"),)), "channel pattern"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_that_do_not_fit_together_are_refused(settings: Settings, sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        check_settings(settings)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(proxy=Proxy(behind=True, trusted=(Network("10.0.0.0/8"),))),
        Settings(proxy=Proxy(behind=True), server=Server(uds="/run/tidewire.sock")),
        origin("https://app.example.com:8443"),
        origin("null"),
        origin("*"),
        Settings(auth=Auth(jwks_url="https://issuer.example/keys")),
        Settings(auth=Auth(jwks_url="http://127.0.0.1:9000/keys")),
        Settings(channels=(Channel(pattern="room:{name}"), Channel(pattern="prices:*"))),
    ],
    ids=repr,
)
def test_settings_that_fit_together_are_taken(settings: Settings) -> None:
    check_settings(settings)


def test_a_certificate_and_its_key_are_taken(tmp_path: Path) -> None:
    check_tls(write_certificate(tmp_path))


def test_a_key_behind_a_password_is_opened_with_its_file(tmp_path: Path) -> None:
    check_tls(write_certificate(tmp_path, password="open sesame"))


def test_a_wrong_password_is_a_sentence_and_no_question_on_the_terminal(tmp_path: Path) -> None:
    tls = write_certificate(tmp_path, password="open sesame")
    with pytest.raises(StartFailed, match="are no certificate and its key"):
        check_tls(Tls(cert=tls.cert, key=tls.key))


def test_a_certificate_with_another_ones_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = write_certificate(tmp_path / "other")
    with pytest.raises(StartFailed, match="KEY_VALUES_MISMATCH"):
        check_tls(Tls(cert=write_certificate(tmp_path).cert, key=other.key))
