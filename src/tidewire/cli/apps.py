"""Finds the application that ``module:attribute`` names."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from tidewire.errors import ConfigError, StartFailed

T = TypeVar("T")


def load_app(name: str, *, directory: Path, is_factory: bool) -> object:
    """The object ``name`` stands for; with ``is_factory`` what it returns when called.

    A wrong name is a ``ConfigError``; a module that fails while it is imported
    is a ``StartFailed`` that says where.
    """
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigError(f'the application is written as module:attribute, not "{name}"')
    if str(directory.resolve()) not in sys.path:
        sys.path.insert(0, str(directory.resolve()))
    found = _attribute(_module(module_name, name), attribute, name)
    return _called(found, name) if is_factory else found


def _module(module_name: str, name: str) -> ModuleType:
    if not _exists(module_name, name):
        raise ConfigError(f"{name}: there is no module {module_name} (see --app-dir)")
    return _guarded(lambda: import_module(module_name), f"importing {name}")


def _exists(module_name: str, name: str) -> bool:
    try:
        return find_spec(module_name) is not None
    except ModuleNotFoundError:
        return False  # a parent package that is not there, or is no package
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{name}: {module_name} is no name of a module ({error})") from None
    except Exception as error:  # a parent package is imported to look, and may fail at it
        raise StartFailed(f"importing {name} failed: {_place(error)}") from error


def _attribute(module: ModuleType, attribute: str, name: str) -> object:
    found: object = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{name}: {module.__name__} has no {attribute}")
        found = getattr(found, part)
    return found


def _called(factory: object, name: str) -> object:
    if not callable(factory):
        raise ConfigError(f"{name} cannot be called, so it is no --factory")
    return _guarded(factory, f"calling {name}")


def _guarded(action: Callable[[], T], what: str) -> T:
    """Somebody else's code: whatever it raises, ``sys.exit`` included, is one sentence of ours."""
    try:
        return action()
    except (Exception, SystemExit) as error:
        raise StartFailed(f"{what} failed: {_place(error)}") from error


def _place(error: BaseException) -> str:
    """The error, and the line of the application it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    if isinstance(error, SyntaxError) or not frames:
        return text
    return f"{text} ({frames[-1].filename}, line {frames[-1].lineno})"
