"""Durations as people write them: 90, 90s, 15m, 12h, 7d."""

from __future__ import annotations

import re

import click

UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)", re.ASCII)


def read_duration(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    """An option's callback: the duration in seconds, above zero."""
    match = _DURATION.fullmatch(text)
    if match is None or not float(match[1]):
        raise click.BadParameter(f'"{text}" is no duration; write 90s, 15m, 12h or 7d')
    return float(match[1]) * UNITS_S[match[2]]
