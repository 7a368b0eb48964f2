import io
import json

import pytest

from tests.cli.commands import SECRET, Result, Shell

KEYED = {"TIDEWIRE_AUTH__SECRETS": SECRET}


def create(shell: Shell, *flags: str) -> str:
    result = shell.run("token", "create", "--user", "ada", *flags, environment=KEYED)
    assert (result.code, result.err) == (0, "")
    return result.out.strip()


def inspect(shell: Shell, token: str, **environment: str) -> Result:
    return shell.run("token", "inspect", token, "--json", environment=environment)


def test_a_token_that_was_made_here_verifies_here(shell: Shell) -> None:
    found = inspect(shell, create(shell, "--info", '{"name": "Ada"}'), **KEYED).json()
    assert found["verified"] is True
    assert found["header"]["alg"] == "HS256"
    assert found["claims"]["sub"] == "ada"
    assert found["claims"]["info"] == {"name": "Ada"}


@pytest.mark.parametrize(
    ("given", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1.5h", 5400), ("7d", 604_800)]
)
def test_a_token_is_valid_for_the_time_that_was_asked_for(
    shell: Shell, given: str, seconds: int
) -> None:
    claims = inspect(shell, create(shell, "--ttl", given)).json()["claims"]
    assert claims["exp"] - claims["iat"] == seconds


def test_two_tokens_have_two_names_to_be_revoked_by(shell: Shell) -> None:
    names = {inspect(shell, create(shell)).json()["claims"]["jti"] for _ in range(2)}
    assert len(names) == 2


def test_as_json_the_token_comes_with_its_end(shell: Shell) -> None:
    made = json.loads(create(shell, "--json", "--ttl", "60"))
    assert made["expiresAt"] == int(shell.clock.time()) + 60
    assert inspect(shell, made["token"], **KEYED).json()["verified"] is True


def test_audience_and_issuer_are_the_configured_ones(shell: Shell) -> None:
    shell.write("tidewire.toml", '[auth]\naudience = "chat"\nissuer = "shop"\n')
    found = inspect(shell, create(shell), **KEYED).json()
    assert (found["claims"]["aud"], found["claims"]["iss"]) == ("chat", "shop")
    assert found["verified"] is True


def test_an_expired_token_says_so(shell: Shell) -> None:
    token = create(shell, "--ttl", "60")
    shell.clock.advance(100)
    found = inspect(shell, token, **KEYED).json()
    assert (found["verified"], found["reason"]) == (False, "the token has expired")


def test_looking_into_a_token_takes_no_trust(shell: Shell) -> None:
    token = create(shell)
    assert inspect(shell, token).json()["verified"] is None
    foreign = inspect(shell, token, TIDEWIRE_AUTH__SECRETS=SECRET[::-1])
    assert (foreign.code, foreign.json()["verified"]) == (0, False)


def test_a_token_is_read_from_standard_input(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(create(shell) + "\n"))
    result = shell.run("token", "inspect", "-", environment=KEYED)
    assert result.code == 0
    assert "verified: yes" in result.out


def test_what_a_token_says_cannot_steer_the_terminal(shell: Shell) -> None:
    token = create(shell, "--info", '"\\u001b[2J"')
    result = shell.run("token", "inspect", token)
    assert "\x1b" not in result.out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--info", "{"), "--info must be JSON"),
        (("--info", json.dumps("x" * 2000)), "info is JSON of at most 1024 bytes"),
        (("--ttl", "367d"), "a token is valid for at most 366 days"),
        (("--ttl", "soon"), '"soon" is no duration; write 90s, 15m, 12h or 7d'),
        (("--user", "a\nb"), "a user id is 1 to 128 printable characters"),
    ],
)
def test_a_token_that_no_server_would_take_is_not_made(
    shell: Shell, flags: tuple[str, ...], sentence: str
) -> None:
    result = shell.run("token", "create", "--user", "ada", *flags, environment=KEYED)
    assert result.code == 2
    assert sentence in result.err


def test_a_token_says_what_its_user_may_do_and_where_it_is_subscribed(shell: Shell) -> None:
    flags = ["--may", "chat:{room}=subscribe,publish", "--may", "a=b=history"]
    found = inspect(shell, create(shell, *flags, "--subscribe", "user:ada"), **KEYED).json()
    assert found["verified"] is True
    assert found["claims"]["channels"] == {
        "chat:{room}": ["subscribe", "publish"],
        "a=b": ["history"],
    }
    assert found["claims"]["subscribe"] == ["user:ada"]


@pytest.mark.parametrize(
    "flags",
    [
        ("--may", "chat"),
        ("--may", "chat=everything"),
        ("--may", "a:*:b=publish"),
        ("--subscribe", "room:*"),
    ],
)
def test_a_token_is_not_made_to_say_what_means_nothing(
    shell: Shell, flags: tuple[str, str]
) -> None:
    result = shell.run("token", "create", "--user", "ada", *flags, environment=KEYED)
    assert result.code == 2
    assert flags[1].partition("=")[0] in result.err
