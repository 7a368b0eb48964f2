import os
import subprocess
import sys

import pytest

from tests.cli.commands import SECRET, FakeServer, Shell
from tidewire.errors import ConfigError, EngineUnavailable, StartFailed

WITH_ANONYMOUS = ("serve", "--anonymous")

MISTAKES = {
    "unknown command": ("sevre",),
    "unknown flag": ("serve", "--prot", "1"),
    "flag without value": ("serve", "--port"),
    "too many arguments": ("serve", "a:b", "c:d"),
    "port that is no number": ("serve", "--port", "http"),
    "port out of range": ("serve", "--port", "65536"),
    "unknown level": ("serve", "--log-level", "loud"),
    "missing config": ("serve", "--config", "none.toml"),
    "config that is a directory": ("serve", "--config", "/"),
    "missing env file": ("serve", "--env-file", "none"),
    "missing certificate": (*WITH_ANONYMOUS, "--tls-cert", "none", "--tls-key", "none"),
    "certificate without key": (*WITH_ANONYMOUS, "--tls-cert", "none"),
    "missing secret": ("serve", "--secret-file", "none"),
    "nobody could connect": ("serve",),
    "public without TLS": (*WITH_ANONYMOUS, "--host", "0.0.0.0"),
    "proxy nobody trusts": (*WITH_ANONYMOUS, "--behind-proxy"),
    "proxy everybody trusts": (*WITH_ANONYMOUS, "--forwarded-allow-ips", "*"),
    "origin that is none": (*WITH_ANONYMOUS, "--origin", "example.com"),
    "app without attribute": (*WITH_ANONYMOUS, "shop"),
    "app that is not there": (*WITH_ANONYMOUS, "nowhere:app"),
    "nothing to watch": (*WITH_ANONYMOUS, "--reload", "--reload-dir", "none"),
    "socket that is none": (*WITH_ANONYMOUS, "--fd", "99999"),
    "token without user": ("token", "create"),
    "token without secret": ("token", "create", "--user", "ada"),
    "token for no time": ("token", "create", "--user", "ada", "--ttl", "0"),
    "token that is none": ("token", "inspect", "abc"),
    "token of garbage": ("token", "inspect", "a.b.c"),
    "check of a mistake": ("check", "--port", "x"),
    "show of a mistake": ("config", "show", "--port", "x"),
    "unknown subcommand": ("config", "shwo"),
}


@pytest.mark.parametrize("arguments", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    shell: Shell, arguments: tuple[str, ...]
) -> None:
    result = shell.run(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("tidewire: ")
    assert result.err.count("\n") == 1
    assert not shell.server.started


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StartFailed("port 8080 of 127.0.0.1 is taken"), 3),
        (ConfigError("the application needs a secret"), 2),
        (EngineUnavailable("the engine went away"), 1),
    ],
)
def test_what_ends_the_server_decides_the_exit_code(
    shell: Shell, error: ConfigError | StartFailed | EngineUnavailable, code: int
) -> None:
    shell.server = FakeServer(outcome=error)
    result = shell.run(*WITH_ANONYMOUS)
    assert (result.code, result.err) == (code, f"tidewire: {error}\n")


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_exit_code_of_the_server_is_the_commands(shell: Shell, code: int) -> None:
    shell.server = FakeServer(outcome=code)
    assert shell.run(*WITH_ANONYMOUS).code == code


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_without_a_command_the_commands_are_listed(
    shell: Shell, arguments: tuple[str, ...]
) -> None:
    result = shell.run(*arguments)
    assert result.code == 0
    assert all(name in result.out for name in ("serve", "demo", "token", "doctor"))


@pytest.mark.parametrize("command", ["serve", "demo", "check", "doctor", "version"])
def test_every_command_has_help(shell: Shell, command: str) -> None:
    result = shell.run(command, "--help")
    assert result.code == 0
    assert f"tidewire {command}" in result.out


def test_a_real_process_shows_no_traceback_either() -> None:
    command = [sys.executable, "-m", "tidewire", "serve", "--port", "x"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == ('tidewire: --port must be a whole number from 0 to 65535, not "x"\n')


def test_a_reader_that_goes_away_causes_no_complaint() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tidewire", "config", "schema"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert ended.stderr == b""


def test_secrets_reach_no_output(shell: Shell) -> None:
    shown = shell.run("config", "show", environment={"TIDEWIRE_AUTH__SECRETS": SECRET})
    assert shown.code == 0
    assert SECRET not in shown.out + shown.err


def test_the_version_is_an_option_too(shell: Shell) -> None:
    result = shell.run("--version")
    assert result.code == 0
    assert result.out.startswith("tidewire ")


@pytest.mark.parametrize("group", ["token", "config", "api-key"])
def test_a_group_without_its_command_shows_its_help(shell: Shell, group: str) -> None:
    result = shell.run(group)
    assert (result.code, result.err) == (0, "")
    assert "Commands:\n" in result.out


def test_the_version_loads_no_server_and_no_keys() -> None:
    code = "import sys, tidewire.cli as c; c.main(['version']); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"jwt", "uvicorn", "rich.console", "httpx"} & set(loaded.stdout.split())


def test_a_certificate_that_cannot_be_used_is_no_start(shell: Shell) -> None:
    cert, key = shell.write("cert.pem", "no certificate"), shell.write("key.pem", "no key")
    result = shell.run(*WITH_ANONYMOUS, "--tls-cert", cert, "--tls-key", key)
    assert result.code == 3
    assert result.err.count("\n") == 1
