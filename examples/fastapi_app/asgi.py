"""The auction for uvicorn's own command; settings come from the environment and tidewire.toml."""

import tidewire
from examples.fastapi_app.main import live

application = tidewire.asgi(live)
