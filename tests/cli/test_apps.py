import sys
from pathlib import Path

import pytest

from tests.cli.commands import Shell
from tidewire.cli.apps import load_app
from tidewire.errors import ConfigError, StartFailed


def load(shell: Shell, name: str, *, is_factory: bool = False) -> object:
    return load_app(name, directory=shell.directory, is_factory=is_factory)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("shop", 'written as module:attribute, not "shop"'),
        (":app", 'written as module:attribute, not ":app"'),
        ("nowhere:app", "there is no module nowhere"),
        ("nowhere.deep:app", "there is no module nowhere.deep"),
        ("..shop:app", "is no name of a module"),
        ("shop:nothing", "shop has no nothing"),
        ("shop:app.deep", "shop has no app.deep"),
    ],
)
def test_a_name_that_leads_nowhere_is_a_mistake(shell: Shell, name: str, sentence: str) -> None:
    shell.write("shop.py", "app = 1\n")
    with pytest.raises(ConfigError) as refusal:
        load(shell, name)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("\n\n1 / 0", "shop_that_fails.py, line 3)"),
        ("def :", "SyntaxError: "),
        ("raise SystemExit('no')", "SystemExit: no"),
        ("raise ValueError('two\\nlines')", "ValueError: two ("),
        ("raise ValueError('')", "ValueError"),
    ],
)
def test_a_module_that_fails_says_where_in_one_sentence(
    shell: Shell, source: str, sentence: str
) -> None:
    shell.write("shop_that_fails.py", source)
    with pytest.raises(StartFailed) as refusal:
        load(shell, "shop_that_fails:app")
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_package_that_fails_on_the_way_says_so_too(shell: Shell) -> None:
    shell.write("broken_package/__init__.py", "1 / 0")
    with pytest.raises(StartFailed, match="ZeroDivisionError"):
        load(shell, "broken_package.shop:app")


def test_an_attribute_of_an_attribute_is_found(shell: Shell) -> None:
    shell.write("nested.py", "class Shop:\n    app = 'inner'\n")
    assert load(shell, "nested:Shop.app") == "inner"


def test_a_factory_that_cannot_be_called_is_a_mistake(shell: Shell) -> None:
    shell.write("uncallable.py", "app = 1\n")
    with pytest.raises(ConfigError, match="cannot be called, so it is no --factory"):
        load(shell, "uncallable:app", is_factory=True)


def test_a_factory_that_fails_says_where(shell: Shell) -> None:
    shell.write("factory.py", "def create():\n    raise KeyError('dsn')\n")
    with pytest.raises(StartFailed, match=r"calling factory:create failed: KeyError"):
        load(shell, "factory:create", is_factory=True)


def test_the_directory_is_put_in_front_of_the_path_once(shell: Shell) -> None:
    shell.write("once.py", "app = 1\n")
    for _ in range(2):
        load(shell, "once:app")
    assert sys.path.count(str(Path(shell.directory).resolve())) == 1
