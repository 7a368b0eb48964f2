"""``uvicorn``'s own command with our protocol class, as a server process of a test."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tests.support.processes import ServerProcess

PROTOCOL = "tidewire.server.protocol:TidewireProtocol"

APPLICATION = "import tidewire\n\napplication = tidewire.asgi(tidewire.App())\n"


@dataclass
class UvicornProcess(ServerProcess):
    """``app`` is a module that makes ``application``; a ``target`` is another one to serve."""

    app: str = APPLICATION
    target: str = "application:application"

    def _command_line(self) -> list[str]:
        uvicorn = [sys.executable, "-m", "uvicorn", "--http", PROTOCOL]
        return [*uvicorn, "--port", str(self.port), *self.flags, self.target]
