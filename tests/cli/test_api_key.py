"""Making a key for the HTTP API."""

from __future__ import annotations

from tests.cli.commands import Shell
from tidewire.security.api_keys import ApiKeys


def test_a_key_is_shown_once_and_its_line_lets_it_in(shell: Shell) -> None:
    made = shell.run("api-key", "create", "--name", "shop", "--json").json()
    assert ApiKeys([made["line"]]).name_of(made["key"]) == "shop"
    assert made["key"] not in made["line"]


def test_the_line_is_ready_to_be_pasted(shell: Shell) -> None:
    result = shell.run("api-key", "create")
    line = result.out.split('keys = ["')[1].split('"]')[0]
    shell.write("tidewire.toml", f'[auth]\nanonymous = true\n[api]\nkeys = ["{line}"]\n')
    assert shell.run("check").code == 0


def test_a_name_that_could_forge_a_log_line_is_refused(shell: Shell) -> None:
    assert shell.run("api-key", "create", "--name", "a b").code == 2
