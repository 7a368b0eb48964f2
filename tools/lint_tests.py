"""The tests' own lint: what a test in this house may not do.

Knows Python's syntax tree and where tests and sources live. Runs no test and imports none.

A test that must pace itself (a peer that sends one byte a second *is* the attack) says so on
the line: ``asyncio.sleep(1)  # paced: the attack is slowness itself``. The one helper that looks
again and again until something is true lives in ``tests/support``, so sleeps are allowed there.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

ROOMS_WITHOUT_MIRROR = frozenset(
    {"bench", "conformance", "docs", "faults", "lint", "support", "system"}
)
"""These test behaviour across rooms (or the house itself), so no one source file is theirs."""

SLEEPS = frozenset({"time.sleep", "asyncio.sleep", "anyio.sleep", "sleep", "wait_for_timeout"})
PACED = "# paced:"
MIN_WORDS = 4
"""A name of fewer words names a function; a promise needs a sentence."""


@dataclass(frozen=True, slots=True)
class Finding:
    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


Test: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def check_source(path: Path, source: str) -> Iterator[Finding]:
    """Everything one file can be told from its own text."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        for message in _complaints(node):
            line = getattr(node, "lineno", 1)
            if not (message == SLEEP and _may_sleep(path, lines[line - 1])):
                yield Finding(path, line, message)


def _complaints(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call():
            yield from _about_call(node)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _about_function(node)
        case ast.Import(names=names) if any(n.name.startswith("unittest") for n in names):
            yield MOCK
        case ast.ImportFrom(module=str(module)) if module.split(".")[0] in {"unittest", "mock"}:
            yield MOCK
        case ast.Assert(test=ast.Constant(value=value)) if value:
            yield "an assertion that cannot fail"


MOCK = "no unittest and no mocks: write a fake that keeps the contract"
SLEEP = "a sleep is no synchronisation: wait for the event itself"


def _about_call(call: ast.Call) -> Iterator[str]:
    name = _dotted(call.func)
    if _ends_with(name, SLEEPS) and not _is_zero(call):
        yield SLEEP
    if name in {"pytest.skip", "pytest.xfail"} and not (call.args or _has(call, "reason")):
        yield f"{name} without a reason"
    if name.endswith(("mark.skip", "mark.skipif", "mark.xfail")) and not _has(call, "reason"):
        yield f"{name} without a reason"


def _about_function(test: Test) -> Iterator[str]:
    for decorator in test.decorator_list:
        if _dotted(decorator).endswith(("mark.skip", "mark.xfail")):
            yield "a skip without a reason"
    words = test.name.split("_")
    if words[0] == "test" and len(words) - 1 < MIN_WORDS:
        yield f"{test.name}: a test's name is a promise, of at least {MIN_WORDS} words"


def _dotted(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{_dotted(value)}.{attr}"
    return ""


def _ends_with(name: str, endings: frozenset[str]) -> bool:
    return name in endings or name.rpartition(".")[2] == "wait_for_timeout"


def _is_zero(call: ast.Call) -> bool:
    """``sleep(0)`` hands the loop one turn; it waits for nothing."""
    return len(call.args) > 0 and isinstance(call.args[0], ast.Constant) and not call.args[0].value


def _has(call: ast.Call, keyword: str) -> bool:
    return any(given.arg == keyword for given in call.keywords)


def _may_sleep(path: Path, line: str) -> bool:
    return path.parent.name == "support" or len(line.partition(PACED)[2].split()) > 1


def check_mirror(test: Path, tests: Path, package: Path) -> Iterator[Finding]:
    """``tests/room/test_x.py`` belongs to ``room/x.py`` (``test_x_and_more.py`` may too)."""
    room = test.relative_to(tests).parent
    if room.parts and room.parts[0] in ROOMS_WITHOUT_MIRROR:
        return
    subject = test.stem.removeprefix("test_")
    if not any(_is_about(subject, name) for name in _source_names(package / room)):
        yield Finding(test, 1, f"mirrors no file in {package.name / room}")


def _is_about(subject: str, name: str) -> bool:
    return subject == name or subject.startswith(f"{name}_")


def _source_names(room: Path) -> Iterator[str]:
    """The files of a room, its sub-rooms, and the room itself (its ``__init__``)."""
    yield room.name
    for source in room.glob("*"):
        if source.suffix == ".py" or source.is_dir():
            yield source.stem.strip("_")


def check_tree(tests: Path, package: Path) -> Iterator[Finding]:
    """Every Python file under ``tests``."""
    for path in sorted(tests.rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        yield from check_source(path, path.read_text(encoding="utf-8"))
        if path.name.startswith("test_"):
            yield from check_mirror(path, tests, package)


def main() -> int:
    findings = list(check_tree(Path("tests"), Path("src/tidewire")))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
