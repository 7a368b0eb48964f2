"""The command line: ``tidewire serve``, ``demo``, ``token``, ``check``, ``top`` and others.

Reads arguments, asks ``tidewire.config`` for settings and hands over to the
composition root, or asks a running server over its HTTP API. Holds no rule of the
server.
"""

from tidewire.cli.entry import main

__all__ = ["main"]
