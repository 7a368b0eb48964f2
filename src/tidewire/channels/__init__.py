"""Channels: their names, and the rules that a name's pattern selects. Pure."""

from tidewire.channels.names import check_name
from tidewire.channels.options import Access, ChannelOptions
from tidewire.channels.patterns import ChannelTable

__all__ = ["Access", "ChannelOptions", "ChannelTable", "check_name"]
