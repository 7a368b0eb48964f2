import pytest

from tests.cli.commands import SECRET, Shell

APP = "app = object()\ndef create():\n    return 'made'\n"


def test_settings_and_application_are_handed_to_the_server(shell: Shell) -> None:
    shell.write("shop.py", APP)
    assert shell.run("serve", "shop:app", "--anonymous", "--port", "9000").code == 0
    assert shell.server.settings.server.port == 9000
    assert shell.server.settings.auth.anonymous
    assert type(shell.server.app) is object


def test_without_an_application_the_server_runs_alone(shell: Shell) -> None:
    shell.run("serve", "--anonymous")
    assert shell.server.app is None


def test_a_factory_is_called_for_the_application(shell: Shell) -> None:
    shell.write("sub/shop.py", APP)
    shell.run("serve", "shop:create", "--factory", "--app-dir", "sub", "--anonymous")
    assert shell.server.app == "made"


@pytest.mark.parametrize(
    ("flags", "section", "name", "value"),
    [
        (("--host", "::1"), "server", "host", "::1"),
        (("--uds", "/run/t.sock"), "server", "uds", "/run/t.sock"),
        (("--timeout-keep-alive", "7"), "server", "keep_alive_s", 7.0),
        (("--timeout-graceful-shutdown", "9"), "server", "drain_timeout_s", 9.0),
        (("--drain-timeout", "9.5"), "server", "drain_timeout_s", 9.5),
        (("--backlog", "64"), "server", "backlog", 64),
        (("--root-path", "/chat"), "server", "root_path", "/chat"),
        (("--loop", "asyncio"), "server", "loop", "asyncio"),
        (("--log-level", "debug"), "log", "level", "debug"),
        (("--access-log",), "log", "access", True),
        (("--no-access-log",), "log", "access", False),
        (
            ("--origin", "https://a.example", "--origin", "https://b.example"),
            "origins",
            "allowed",
            ("https://a.example", "https://b.example"),
        ),
    ],
)
def test_uvicorns_flags_mean_here_what_they_mean_there(
    shell: Shell, flags: tuple[str, ...], section: str, name: str, value: object
) -> None:
    assert shell.run("serve", "--anonymous", *flags).code == 0
    assert getattr(getattr(shell.server.settings, section), name) == value


def test_a_flag_goes_before_the_environment(shell: Shell) -> None:
    shell.run("serve", "--anonymous", "--port", "9001", environment={"PORT": "9000"})
    assert shell.server.settings.server.port == 9001


def test_the_file_in_the_directory_is_read(shell: Shell) -> None:
    shell.write("tidewire.toml", "[auth]\nanonymous = true\n[history]\nsize = 7\n")
    assert shell.run("serve").code == 0
    assert shell.server.settings.history.size == 7


def test_an_application_sees_the_variables_of_the_env_file(shell: Shell) -> None:
    """As with uvicorn, the real environment goes before the file."""
    file = shell.write("env", "DATABASE=file\nSHELL_NAME=file\nTIDEWIRE_AUTH__ANONYMOUS=true\n")
    shell.run("serve", "--env-file", file, environment={"SHELL_NAME": "real"})
    assert shell.environment["DATABASE"] == "file"
    assert shell.environment["SHELL_NAME"] == "real"


def test_a_secret_file_is_a_way_in(shell: Shell) -> None:
    file = shell.write("secret", SECRET)
    assert shell.run("serve", "--secret-file", file).code == 0
    assert shell.server.settings.auth.secret_files == (file,)


def test_an_application_with_its_own_door_needs_no_keys(shell: Shell) -> None:
    shell.write("door.py", "class App:\n    has_authenticate = True\napp = App()\n")
    assert shell.run("serve", "door:app").code == 0


@pytest.mark.parametrize(
    "flags",
    [
        ("--anonymous", "--behind-proxy", "--forwarded-allow-ips", "10.0.0.0/8"),
        ("--secret-file", "{secret}", "--behind-proxy", "--forwarded-allow-ips", "10.0.0.1"),
    ],
)
def test_a_public_address_starts_where_it_was_told_explicitly(
    shell: Shell, flags: tuple[str, ...]
) -> None:
    secret = shell.write("secret", SECRET)
    given = [flag.format(secret=secret) for flag in flags]
    assert shell.run("serve", "--host", "0.0.0.0", *given).code == 0
