from pathlib import Path

import pytest

from tidewire.config.sources import find_file, from_environment, from_file, read_env_file
from tidewire.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_project_file_is_read_where_it_has_our_table(tmp_path: Path) -> None:
    project = write(tmp_path / "pyproject.toml", "[tool.tidewire.server]\nport = 9000\n")
    assert find_file(tmp_path) == project
    assert from_file(project)["server.port"].value == 9000


def test_a_project_file_without_our_table_is_somebody_elses(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[project]\nname = 'shop'\n")
    assert find_file(tmp_path) is None


def test_our_own_file_goes_before_the_project_file(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.tidewire.server]\nport = 9000\n")
    own = write(tmp_path / "tidewire.toml", "")
    assert find_file(tmp_path) == own


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[sever]\nport = 1", "sever in tidewire.toml is not a section; did you mean server?"),
        (
            "[server]\nprot = 1",
            "server.prot in tidewire.toml is not a setting; did you mean server.port?",
        ),
        ("server = 1", "server in tidewire.toml must be a table: write [server] above it"),
        ("[server", "is not valid TOML"),
        ("a = " + "[" * 5000, "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    path = write(tmp_path / "tidewire.toml", text)
    with pytest.raises(ConfigError) as refusal:
        from_file(path)
    assert sentence in str(refusal.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tidewire.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        from_file(path)


def test_a_device_given_by_mistake_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match="is longer than"):
        from_file(Path("/dev/zero"))


@pytest.mark.parametrize("name", ["TIDEWIRE_SERVER__PRT", "TIDEWIRE_SERVER_PORT"])
def test_a_misspelt_variable_is_answered_with_the_right_one(name: str) -> None:
    with pytest.raises(ConfigError, match=r"did you mean TIDEWIRE_SERVER__PORT\?"):
        from_environment({name: "9000"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TIDEWIRE_SERVICE_HOST", "10.0.0.1"),
        ("TIDEWIRE_PORT", "tcp://10.0.0.1:8080"),
        ("TIDEWIRE_SERVER_PORT", "tcp://10.0.0.1:8080"),
        ("HOME", "/"),
    ],
)
def test_variables_that_a_platform_sets_are_not_ours(name: str, text: str) -> None:
    assert from_environment({name: text}) == {}


def test_our_own_variable_goes_before_a_borrowed_one() -> None:
    layer = from_environment({"TIDEWIRE_SERVER__PORT": "1", "PORT": "2"})
    assert layer["server.port"].value == "1"


def test_an_env_file_is_read_as_a_shell_would(tmp_path: Path) -> None:
    path = write(
        tmp_path / "env",
        "# comment\n\nexport A=1\nB = 'two # words'\nC=three # comment\nD=\nE=\"=\"\n",
    )
    assert read_env_file(path) == {"A": "1", "B": "two # words", "C": "three", "D": "", "E": "="}


def test_a_line_of_an_env_file_without_a_value_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "env", "A=1\nB\n")
    with pytest.raises(ConfigError, match="line 2: expected NAME=value"):
        read_env_file(path)


def test_one_underscore_where_there_should_be_two_is_said() -> None:
    with pytest.raises(ConfigError, match="two underscores"):
        from_environment({"TIDEWIRE_LIMITS_FOO": "1"})


@pytest.mark.parametrize(
    "name", ["TIDEWIRE_API_KEY", "TIDEWIRE_SERVER_SERVICE_HOST", "TIDEWIRE_API_PORT_80_TCP_ADDR"]
)
def test_what_belongs_to_others_is_left_alone(name: str) -> None:
    assert from_environment({name: "10.0.0.1"}) == {}
