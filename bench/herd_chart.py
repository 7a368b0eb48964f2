"""Herd, the picture: who comes when, as SVG. Pure: shares go in, text comes out.

One panel for each event, in it one row for each rule, in it one bar for each second. A bar above
the target is of another colour; from ``FULL`` on all bars are equally high.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TARGET = 0.05
FULL = 0.25
SECONDS = 60

PANEL_WIDTH, LABEL_WIDTH, BAR_WIDTH = 500, 124, 5
ROW_HEIGHT, BAR_HEIGHT = 30, 24
TITLE_HEIGHT, AXIS_HEIGHT, HEAD_HEIGHT = 34, 26, 62
COLUMNS = 2

STYLE = """\
svg { --ink: #1c2430; --faint: #8b95a3; --rule: #d5dae1; --calm: #2a7de1; --crowd: #d9541e; \
--paper: #ffffff; font-family: system-ui, sans-serif; font-size: 12px; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6eaf0; --faint: #8b95a3; --rule: #343d4a; \
--calm: #5aa2f5; --crowd: #f58549; --paper: #0f141b; } }
.paper { fill: var(--paper); } text { fill: var(--ink); } .faint { fill: var(--faint); }
.title { font-weight: 600; font-size: 14px; } .ours { font-weight: 600; }
.calm { fill: var(--calm); } .crowd { fill: var(--crowd); }
.rule { stroke: var(--rule); } .target { stroke: var(--faint); stroke-dasharray: 2 3; }"""


@dataclass(frozen=True, slots=True)
class Row:
    """One rule in one event: the share that comes in each second, and in the busiest."""

    name: str
    by_second: Sequence[float]
    busiest: float


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    rows: Sequence[Row]


def draw(title: str, panels: Sequence[Panel]) -> str:
    """The whole picture."""
    lines = -(-len(panels) // COLUMNS)
    height = HEAD_HEIGHT + lines * _panel_height(panels[0])
    return "\n".join(_picture(title, panels, COLUMNS * PANEL_WIDTH, height)) + "\n"


def _picture(title: str, panels: Sequence[Panel], width: int, height: int) -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    yield f"<title>{title}</title>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="paper" width="{width}" height="{height}"/>'
    yield f'<text x="16" y="26" class="title">{title}</text>'
    yield from _legend()
    for number, panel in enumerate(panels):
        left = number % COLUMNS * PANEL_WIDTH
        top = HEAD_HEIGHT + number // COLUMNS * _panel_height(panel)
        yield f'<g transform="translate({left} {top})">'
        yield from _panel(panel)
        yield "</g>"
    yield "</svg>"


def _legend() -> Iterator[str]:
    yield '<rect class="calm" x="16" y="38" width="10" height="10"/>'
    yield f'<text x="32" y="47">at most {TARGET:.0%} of all clients in that second</text>'
    yield '<rect class="crowd" x="300" y="38" width="10" height="10"/>'
    yield (
        f'<text x="316" y="47">more (a full bar: {FULL:.0%} and up); '
        f"dotted: {TARGET:.0%}; at the right: the busiest second</text>"
    )


def _panel_height(panel: Panel) -> int:
    return TITLE_HEIGHT + ROW_HEIGHT * len(panel.rows) + AXIS_HEIGHT


def _panel(panel: Panel) -> Iterator[str]:
    yield f'<text x="16" y="22" class="title">{panel.title}</text>'
    for number, row in enumerate(panel.rows):
        yield from _row(row, TITLE_HEIGHT + (number + 1) * ROW_HEIGHT, is_ours=number == 0)
    yield from _axis(TITLE_HEIGHT + ROW_HEIGHT * len(panel.rows))


def _row(row: Row, floor: int, *, is_ours: bool) -> Iterator[str]:
    right = LABEL_WIDTH + SECONDS * BAR_WIDTH
    target = floor - BAR_HEIGHT * TARGET / FULL
    name = ' class="ours"' if is_ours else ""
    yield f'<text x="16" y="{floor - 8}"{name}>{row.name}</text>'
    yield f'<path class="rule" d="M{LABEL_WIDTH} {floor}H{right}"/>'
    yield f'<path class="target" d="M{LABEL_WIDTH} {target:.1f}H{right}"/>'
    for kind, is_crowd in (("calm", False), ("crowd", True)):
        if bars := _bars(row, floor, is_crowd=is_crowd):
            yield f'<path class="{kind}" d="{bars}"/>'
    yield f'<text x="{right + 10}" y="{floor - 8}">{percent(row.busiest)}</text>'


def _bars(row: Row, floor: int, *, is_crowd: bool) -> str:
    shown = enumerate(row.by_second[:SECONDS])
    return "".join(
        _bar(second, share, floor)
        for second, share in shown
        if share and _is_crowd(share) is is_crowd
    )


def _is_crowd(share: float) -> bool:
    return share > TARGET


def _bar(second: int, share: float, floor: int) -> str:
    height = max(0.4, BAR_HEIGHT * min(share, FULL) / FULL)
    return (
        f"M{LABEL_WIDTH + second * BAR_WIDTH} {floor}v-{height:.1f}h{BAR_WIDTH - 1}v{height:.1f}z"
    )


def _axis(top: int) -> Iterator[str]:
    for second in range(0, SECONDS + 1, 10):
        label = f"{second} s" if second else "0"
        x = LABEL_WIDTH + second * BAR_WIDTH
        yield f'<text class="faint" x="{x}" y="{top + 16}" text-anchor="middle">{label}</text>'


def percent(share: float) -> str:
    """Two digits that count: 4.7 %, 27 %."""
    return f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"
