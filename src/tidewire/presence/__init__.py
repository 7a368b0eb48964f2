"""Presence: who is in a channel, and how that is told. Pure."""

from tidewire.presence.roster import Roster

__all__ = ["Roster"]
