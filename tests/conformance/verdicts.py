"""What the Autobahn suite found, compared with what may be: a table, and every surprise by name.

Reads the suite's ``index.json``. Runs nothing: ``suite`` does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.allowlist import Deviation

PASSED = "OK"
WORST_FIRST = ("FAILED", "UNIMPLEMENTED", "NON-STRICT", "INFORMATIONAL", PASSED)
"""A case has a verdict on its messages and one on its close. The worse one counts."""


class Verdict(NamedTuple):
    """How one case ended, and the close code it was closed with."""

    case: str
    result: str
    close_code: int | None

    @property
    def section(self) -> int:
        return int(self.case.partition(".")[0])

    def __str__(self) -> str:
        return f"{self.case}: {self.result}, closed with {self.close_code}"


def read_index(path: Path) -> list[Verdict]:
    """The verdicts of a run, in the suite's order. The index holds one agent: our server."""
    [cases] = json.loads(path.read_text("utf-8")).values()
    verdicts = [_verdict(case, found) for case, found in cases.items()]
    return sorted(verdicts, key=lambda verdict: [int(part) for part in verdict.case.split(".")])


def _verdict(case: str, found: Mapping[str, Any]) -> Verdict:
    return Verdict(
        case, _worse(found["behavior"], found["behaviorClose"]), found["remoteCloseCode"]
    )


def _worse(*results: str) -> str:
    """A result nobody has heard of ("UNCLEAN", "WRONG CODE") is a failure."""
    known = [result if result in WORST_FIRST else "FAILED" for result in results]
    return min(known, key=WORST_FIRST.index)


def surprises(verdicts: Iterable[Verdict], allowed: Mapping[str, Deviation]) -> Iterator[str]:
    """Every case that does other than pass without leave, or has leave and does otherwise."""
    for verdict in verdicts:
        deviation = allowed.get(verdict.case, Deviation(PASSED, "nothing is listed"))
        if not _is_as_listed(verdict, deviation):
            yield f"{verdict} - expected {deviation.verdict} ({deviation.reason})"


def _is_as_listed(verdict: Verdict, deviation: Deviation) -> bool:
    close_code = deviation.close_code
    is_closed_so = close_code is None or close_code == verdict.close_code
    return verdict.result == deviation.verdict and is_closed_so


def table(verdicts: Iterable[Verdict], allowed: Mapping[str, Deviation]) -> str:
    """One line per section, and one for every deviation."""
    verdicts = list(verdicts)
    sections = sorted({verdict.section for verdict in verdicts})
    lines = [_row("section", "passed", "non-strict", "informational", "failed")]
    for section in sections:
        inside = [verdict for verdict in verdicts if verdict.section == section]
        lines.append(_counted(str(section), inside))
    lines.append(_counted("all", verdicts))
    return "\n".join([*lines, "", *_deviations(verdicts, allowed)])


def _counted(title: str, verdicts: list[Verdict]) -> str:
    count = Counter(verdict.result for verdict in verdicts)
    failed = count["FAILED"] + count["UNIMPLEMENTED"]
    return _row(title, count[PASSED], count["NON-STRICT"], count["INFORMATIONAL"], failed)


def _row(title: str, *cells: object) -> str:
    return f"{title:>8}" + "".join(f"{cell:>15}" for cell in cells)


def _deviations(verdicts: list[Verdict], allowed: Mapping[str, Deviation]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.case in allowed:
            yield f"{verdict} - {allowed[verdict.case].reason}"
