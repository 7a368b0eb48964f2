"""The tests' own lint finds what it forbids, and lets the rest pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.lint_tests import check_mirror, check_source

FORBIDDEN = {
    "time.sleep(0.1)": "a sleep is no synchronisation",
    "asyncio.sleep(0.1)": "a sleep is no synchronisation",
    "asyncio.sleep(delay_s)": "a sleep is no synchronisation",
    "page.wait_for_timeout(100)": "a sleep is no synchronisation",
    "asyncio.sleep(1)  # paced:": "a sleep is no synchronisation",
    "from unittest.mock import Mock": "no mocks",
    "import unittest.mock": "no mocks",
    "assert True": "cannot fail",
    "pytest.skip()": "without a reason",
    "@pytest.mark.skip\ndef test_four_words_at_least(): ...": "without a reason",
    "@pytest.mark.skipif(windows)\ndef test_four_words_at_least(): ...": "without a reason",
    "def test_three_short_words(): ...": "at least 4 words",
}

ALLOWED = (
    "asyncio.sleep(0)",
    "asyncio.sleep(1)  # paced: the attack is slowness itself",
    "pytest.skip('no chromium here')",
    "@pytest.mark.skipif(windows, reason='no fork')\ndef test_four_words_at_least(): ...",
    "assert answer",
    "def a_helper(): ...",
)


def _messages(source: str) -> list[str]:
    return [str(finding) for finding in check_source(Path("tests/test_x.py"), source)]


@pytest.mark.parametrize("source", FORBIDDEN)
def test_what_is_forbidden_is_found_and_named(source: str) -> None:
    [message] = _messages(source)
    assert FORBIDDEN[source] in message


@pytest.mark.parametrize("source", ALLOWED)
def test_what_is_allowed_passes_without_a_word(source: str) -> None:
    assert _messages(source) == []


def test_only_the_polling_helper_of_the_support_room_may_sleep() -> None:
    assert not list(check_source(Path("tests/support/waiting.py"), "time.sleep(0.1)"))


def test_a_finding_names_its_file_and_line() -> None:
    assert _messages("x = 1\nassert True")[0].startswith("tests/test_x.py:2: ")


def _is_mirrored(tmp_path: Path, test: str) -> bool:
    room = tmp_path / "src" / "history"
    room.mkdir(parents=True)
    (room / "log.py").touch()
    path = tmp_path / "tests" / test
    return not list(check_mirror(path, tmp_path / "tests", tmp_path / "src"))


@pytest.mark.parametrize("test", ["history/test_log.py", "history/test_log_under_load.py"])
def test_a_test_beside_its_source_file_passes(tmp_path: Path, test: str) -> None:
    assert _is_mirrored(tmp_path, test)


@pytest.mark.parametrize("test", ["history/test_lag.py", "test_log.py", "hub/test_log.py"])
def test_a_test_of_no_source_file_is_found(tmp_path: Path, test: str) -> None:
    assert not _is_mirrored(tmp_path, test)


def test_rooms_that_cross_walls_need_no_mirror(tmp_path: Path) -> None:
    assert _is_mirrored(tmp_path, "system/test_two_tabs.py")
