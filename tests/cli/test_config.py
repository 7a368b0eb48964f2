import json

import msgspec

from tests.cli.commands import SECRET, Shell
from tidewire.config import Settings
from tidewire.config.fields import FIELDS
from tidewire.config.sources import from_environment, read_env_file


def test_every_setting_is_shown_with_its_value_and_origin(shell: Shell) -> None:
    shell.write("tidewire.toml", "[history]\nsize = 7\n")
    environment = {"PORT": "9000", "TIDEWIRE_AUTH__SECRETS": SECRET}
    shown = shell.run("config", "show", "--host", "::1", "--json", environment=environment).json()
    assert set(shown) == {*FIELDS, "channels"}
    assert shown["server.host"] == {"value": "::1", "from": "--host"}
    assert shown["server.port"] == {"value": 9000, "from": "PORT"}
    assert shown["history.size"] == {"value": 7, "from": "tidewire.toml"}
    assert shown["lobby.channel"] == {"value": "lobby", "from": "default"}
    assert shown["auth.secrets"] == {
        "value": ["(hidden)"],
        "from": "TIDEWIRE_AUTH__SECRETS",
    }


def test_for_people_it_is_a_table_with_a_line_each(shell: Shell) -> None:
    lines = shell.run("config", "show").out.splitlines()
    assert len(lines) == len(FIELDS) + 2
    assert any(line.split() == ["server.port", "8080", "default"] for line in lines)


def test_the_schema_knows_every_section(shell: Shell) -> None:
    schema = shell.run("config", "schema").json()
    sections = schema["$defs"]["Settings"]["properties"]
    assert set(sections) == {*msgspec.to_builtins(Settings())}


def test_the_variables_can_be_pasted_into_an_env_file(shell: Shell) -> None:
    text = shell.run("config", "env").out.replace("# TIDEWIRE", "TIDEWIRE")
    file = shell.write("env", text)
    assert set(from_environment(read_env_file(shell.directory / "env"))) == {*FIELDS, "channels"}
    shown = shell.run("config", "show", "--env-file", file, "--json").json()
    defaults = shell.run("config", "show", "--json", "--config", "/dev/null").json()
    assert {path: entry["value"] for path, entry in shown.items()} == {
        path: entry["value"] for path, entry in defaults.items()
    }


def test_what_is_printed_as_json_is_json(shell: Shell) -> None:
    assert json.loads(shell.run("config", "schema").out)
