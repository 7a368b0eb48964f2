import platform

from tests.cli.commands import Shell


def test_the_version_is_what_a_bug_report_wants(shell: Shell) -> None:
    result = shell.run("version")
    assert result.out.startswith("tidewire ")
    assert f"python {platform.python_version()}" in result.out


def test_as_json_every_part_has_its_number(shell: Shell) -> None:
    versions = shell.run("version", "--json").json()
    assert versions["python"] == platform.python_version()
    assert versions["msgspec"]
