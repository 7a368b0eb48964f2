from pathlib import Path

import pytest

from tidewire.config import Loaded, Settings, Sources, load
from tidewire.config.loading import settings_from
from tidewire.config.sources import Given
from tidewire.errors import ConfigError

FROM_FILE, FROM_ENV_FILE, FROM_ENVIRONMENT, FROM_FLAG = 1001, 1002, 1003, 1004


@pytest.fixture
def everywhere(tmp_path: Path) -> dict[str, Path]:
    config, env = tmp_path / "tidewire.toml", tmp_path / "env"
    config.write_text(f"[server]\nport = {FROM_FILE}\n")
    env.write_text(f"TIDEWIRE_SERVER__PORT={FROM_ENV_FILE}\n")
    return {"config": config, "env": env}


def environment(**values: str) -> Loaded:
    return load(Sources(environment=values, directory=Path("/nonexistent")))


def from_toml(path: str, value: object) -> Settings:
    return settings_from({path: Given(value, path, "tidewire.toml")})


def test_nothing_given_is_all_defaults_and_no_origins(tmp_path: Path) -> None:
    loaded = load(Sources(directory=tmp_path))
    assert loaded == Loaded(Settings(), {})


@pytest.mark.parametrize(
    ("given", "port", "origin"),
    [
        ({"config"}, FROM_FILE, "tidewire.toml"),
        ({"config", "env"}, FROM_ENV_FILE, "TIDEWIRE_SERVER__PORT in {env}"),
        ({"config", "env", "environment"}, FROM_ENVIRONMENT, "TIDEWIRE_SERVER__PORT"),
        ({"config", "env", "environment", "flag"}, FROM_FLAG, "--port"),
        ({"config", "flag"}, FROM_FLAG, "--port"),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else None,
)
def test_the_nearest_source_decides_and_is_remembered(
    everywhere: dict[str, Path], given: set[str], port: int, origin: str
) -> None:
    variables = {"TIDEWIRE_SERVER__PORT": str(FROM_ENVIRONMENT)}
    loaded = load(
        Sources(
            flags={"server.port": ("--port", FROM_FLAG)} if "flag" in given else {},
            environment=variables if "environment" in given else {},
            env_file=everywhere["env"] if "env" in given else None,
            config_file=everywhere["config"],
        )
    )
    assert loaded.settings.server.port == port
    assert loaded.origins == {"server.port": origin.format(env=everywhere["env"])}


def test_the_file_is_found_in_the_directory(everywhere: dict[str, Path]) -> None:
    loaded = load(Sources(directory=everywhere["config"].parent))
    assert loaded.settings.server.port == FROM_FILE


@pytest.mark.parametrize("text", ["10.0.0.0/8, 192.0.2.1", '["10.0.0.0/8", "192.0.2.1"]'])
def test_a_list_in_a_variable_is_separated_by_commas_or_is_json(text: str) -> None:
    trusted = environment(TIDEWIRE_PROXY__TRUSTED=text).settings.proxy.trusted
    assert [str(network) for network in trusted] == ["10.0.0.0/8", "192.0.2.1/32"]


def test_an_empty_variable_unsets_what_can_be_unset() -> None:
    assert environment(TIDEWIRE_SERVER__UDS="").settings.server.uds is None


def test_channels_can_be_given_as_one_json_variable() -> None:
    text = '[{"pattern": "room:*", "history_size": 5}]'
    (channel,) = environment(TIDEWIRE_CHANNELS=text).settings.channels
    assert (channel.pattern, channel.history_size) == ("room:*", 5)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("PORT", "http", 'PORT must be a whole number from 0 to 65535, not "http"'),
        ("TIDEWIRE_AUTH__ANONYMOUS", "maybe", 'must be true or false, not "maybe"'),
        ("TIDEWIRE_LOG__LEVEL", "loud", "must be one of debug, info, warning, error, critical"),
        ("TIDEWIRE_HEARTBEAT__INTERVAL_S", "nan", "must be a number from 1 to 3600"),
        ("TIDEWIRE_AUTH__LEEWAY_S", "31", "must be a number from 0 to 30"),
        ("FORWARDED_ALLOW_IPS", "*", "FORWARDED_ALLOW_IPS: expected the networks of your"),
        ("TIDEWIRE_PROXY__TRUSTED", "localhost", "expected a network such as 10.0.0.0/8"),
        ("TIDEWIRE_PROXY__TRUSTED", "[", "starts like JSON but is not valid JSON"),
        ("TIDEWIRE_CHANNELS", "{}", "must be a list of tables: write [[channels]]"),
        ("TIDEWIRE_CHANNELS", "[1]", "entry 1 of TIDEWIRE_CHANNELS must be a table"),
        ("TIDEWIRE_CHANNELS", "[{}]", "entry 1 of TIDEWIRE_CHANNELS needs a pattern"),
        ("TIDEWIRE_CHANNELS", '[{"pattern":"a","histry_size":1}]', "did you mean history_size?"),
        ("TIDEWIRE_CHANNELS", '[{"pattern":"a","may_publish":"me"}]', "must be one of anyone,"),
    ],
)
def test_a_wrong_value_is_one_sentence_with_its_place(name: str, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        environment(**{name: text})
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("value", [True, "8080x", 1.5, [8080], None, 10**30])
def test_a_file_value_of_the_wrong_type_is_not_bent_into_shape(value: object) -> None:
    with pytest.raises(
        ConfigError,
        match=r"server\.port in tidewire\.toml must be a whole number from 0 to 65535, not",
    ):
        from_toml("server.port", value)


def test_a_wrong_secret_is_not_repeated_by_the_message() -> None:
    with pytest.raises(ConfigError) as refusal:
        from_toml("auth.secrets", "hunter2")
    assert "hunter2" not in str(refusal.value)
    assert "must be a list of secrets" in str(refusal.value)


def test_a_long_wrong_value_is_repeated_in_part() -> None:
    with pytest.raises(ConfigError) as refusal:
        from_toml("server.port", "x" * 10_000)
    assert len(str(refusal.value)) < 200
