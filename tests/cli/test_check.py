from tests.cli.commands import SECRET, Shell


def test_a_configuration_that_would_start_is_fine(shell: Shell) -> None:
    result = shell.run("check", environment={"TIDEWIRE_AUTH__SECRETS": SECRET})
    assert (result.code, result.out) == (0, "The configuration is fine.\n")
    assert not shell.server.started


def test_as_json_a_mistake_is_an_answer(shell: Shell) -> None:
    shell.write("tidewire.toml", "[server]\nport = 'x'\n")
    result = shell.run("check", "--json")
    assert result.code == 2
    assert result.json()["ok"] is False
    assert result.json()["error"].startswith("server.port in tidewire.toml must be")


def test_an_application_that_fails_is_found(shell: Shell) -> None:
    shell.write("checked_shop.py", "1 / 0")
    result = shell.run("check", "checked_shop:app", "--anonymous", "--json")
    assert result.code == 3
    assert "ZeroDivisionError" in result.json()["error"]


def test_an_engine_that_nobody_knows_is_a_mistake(shell: Shell) -> None:
    result = shell.run("check", "--anonymous", "--engine", "redis://x")
    assert result.code == 2
    assert 'engine.url: "redis://x" names no engine: memory://' in result.err


def test_a_database_that_cannot_be_used_is_found(shell: Shell) -> None:
    result = shell.run("check", "--anonymous", "--engine", f"sqlite:///{shell.directory}")
    assert (result.code, f"{shell.directory} is a directory" in result.err) == (3, True)


def test_an_exposed_server_is_a_mistake_before_it_runs(shell: Shell) -> None:
    result = shell.run("check", "--anonymous", "--host", "0.0.0.0")
    assert result.code == 2
    assert "no TLS" in result.err
