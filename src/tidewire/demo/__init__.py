"""The demo: a chat page, and guests who choose their own names.

An application like any other: written against ``tidewire.app`` and nothing below
it that an application could not use. Keeps no state of its own.
"""

from __future__ import annotations

from tidewire.demo.guests import guest_for
from tidewire.demo.pages import create_pages

__all__ = ["create_app", "create_pages", "guest_for"]
