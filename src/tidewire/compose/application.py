"""App with its way into other ASGI servers: the name ``tidewire.App`` stands for."""

from __future__ import annotations

from tidewire import app
from tidewire.compose.service import Service, asgi
from tidewire.config import Settings


class App(app.App):
    """As ``tidewire.app.App``, which see."""

    def asgi(self, settings: Settings | None = None) -> Service:
        """This application as an ASGI application, for any server or to mount in another.

            web = FastAPI(lifespan=(live := app.asgi()).lifespan)
            web.mount("/live", live)

        Settings as for ``tidewire.asgi``. On a server that does not run Tidewire's own
        protocol, WebSockets come as ASGI messages: the same order, permissions and
        recovery, at some thirty times the cost, with that server's heartbeats and buffers,
        and without event streams. Raises ``ConfigError``.
        """
        return asgi(self, settings)
