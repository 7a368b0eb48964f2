"""The command line: ``tidewire serve``, ``demo``, ``token``, ``check``, ``config``, ``doctor``.

Reads arguments, asks ``tidewire.config`` for settings and hands over to the
composition root. Holds no rule of the server.
"""

from tidewire.cli.entry import main

__all__ = ["main"]
