"""The Autobahn suite passes, but for what is listed; and the harness would notice if it did not.

Sections 1 to 7, 9 and 10 run here; compression (12 and 13) takes a quarter of an
hour and belongs to ``make conformance``.
"""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conformance.allowlist import ALLOWED, Deviation
from tests.conformance.autobahn import FAST, gives_101, report, run_part
from tests.conformance.suite import SuiteMissingError, find_suite
from tests.conformance.verdicts import Verdict, read_index, surprises, table


def test_every_case_without_compression_does_as_listed() -> None:
    try:
        wstest = find_suite()
    except SuiteMissingError as error:
        pytest.skip(f"{error}: sections 1-7, 9 and 10 were not run")
    verdicts = run_part(wstest, FAST)
    print(table(verdicts, ALLOWED))
    assert list(surprises(verdicts, ALLOWED)) == []


def test_every_listed_deviation_says_why() -> None:
    assert all(deviation.reason for deviation in ALLOWED.values())


def test_a_machine_that_cannot_run_the_suite_is_told_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PATH", "HOME", "PYENV_ROOT"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("PYTHON27", raising=False)
    with pytest.raises(SuiteMissingError, match=r"needs Python 2\.7 or a running Docker"):
        find_suite()


def test_nothing_is_run_against_a_server_that_does_not_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        pool.submit(_answer_once, listening, b"HTTP/1.1 403 Forbidden\r\n\r\n")
        with pytest.raises(AssertionError, match="handshake gave 403"):
            gives_101(listening.getsockname()[1])


def _answer_once(listening: socket.socket, answer: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(answer)


LISTED = {"9.3.1": Deviation("FAILED", "above our cap", close_code=1009)}

UNEXPECTED = {
    "a failure nobody listed": Verdict("1.1.1", "FAILED", 1000),
    "a loose answer nobody listed": Verdict("6.4.1", "NON-STRICT", 1007),
    "a listed case that passes": Verdict("9.3.1", "OK", 1000),
    "a listed case that fails otherwise": Verdict("9.3.1", "FAILED", 1006),
}


@pytest.mark.parametrize("verdict", UNEXPECTED.values(), ids=UNEXPECTED)
def test_whatever_is_not_as_listed_is_named(verdict: Verdict) -> None:
    [found] = surprises([verdict], LISTED)
    assert found.startswith(f"{verdict.case}: {verdict.result}")


def test_what_passes_or_is_listed_raises_no_word() -> None:
    assert not list(surprises([Verdict("1.1.1", "OK", 1000)], LISTED))
    assert not list(surprises([Verdict("9.3.1", "FAILED", 1009)], LISTED))


def test_a_case_is_judged_by_the_worse_of_its_two_results(tmp_path: Path) -> None:
    def case(behavior: str, close: str) -> dict[str, object]:
        return {"behavior": behavior, "behaviorClose": close, "remoteCloseCode": 1000}

    cases = {
        "10.1.1": case("OK", "UNCLEAN"),
        "2.1": case("NON-STRICT", "OK"),
        "2.10": case("OK", "FAILED"),
        "1.1.1": case("OK", "OK"),
    }
    (tmp_path / "index.json").write_text(json.dumps({"tidewire": cases}))
    found = [(verdict.case, verdict.result) for verdict in read_index(tmp_path / "index.json")]
    assert found == [
        ("1.1.1", "OK"),
        ("2.1", "NON-STRICT"),
        ("2.10", "FAILED"),
        ("10.1.1", "FAILED"),
    ]


def test_the_report_fails_on_a_surprise_and_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([Verdict("1.1.1", "OK", 1000)]) == 0
    assert report([Verdict("1.1.1", "FAILED", 1006)]) == 1
    assert "1.1.1: FAILED, closed with 1006" in capsys.readouterr().out
