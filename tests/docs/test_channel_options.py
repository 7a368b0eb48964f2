"""The page of channel options names what can be said, in TOML and in Python, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from tidewire.app.channels import ChannelKeywords
from tidewire.config.fields import CHANNEL_FIELDS

PAGE = Path(__file__).parents[2] / "docs/reference/channel-options.md"
TABLE = PAGE.read_text("utf-8").split("\n\n")[2]
ROWS = [line.strip("|").split("|")[:2] for line in TABLE.splitlines()[2:]]


def _names(column: int) -> set[str]:
    return {name for row in ROWS for name in re.findall(r"`(\w+)`", row[column])}


def test_the_page_of_channel_options_names_every_setting_of_a_channel() -> None:
    assert _names(0) == set(CHANNEL_FIELDS)


def test_the_page_of_channel_options_names_every_keyword_of_a_declaration() -> None:
    assert _names(1) == set(ChannelKeywords.__annotations__)
