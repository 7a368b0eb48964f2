"""History: what a channel keeps, and what of it a reader may be told. Pure: reads no clock."""

from tidewire.history.latest import Latest
from tidewire.history.log import Log
from tidewire.history.query import Gap, Query, Replay, Span, span_of

__all__ = ["Gap", "Latest", "Log", "Query", "Replay", "Span", "span_of"]
