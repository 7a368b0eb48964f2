"""History: a bounded log, and the decision whether a client can be caught up from it. Pure."""

from tidewire.history.log import Gap, Log, Replay

__all__ = ["Gap", "Log", "Replay"]
