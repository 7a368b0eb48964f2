"""Configuration: TOML, environment and flags become one checked, frozen value.

Opens configuration files and key files. Opens no socket and starts nothing.
"""

from tidewire.config.settings import (
    Api,
    Auth,
    Channel,
    Compression,
    Heartbeat,
    History,
    Limits,
    Lobby,
    Log,
    Origins,
    Proxy,
    Server,
    Settings,
    Tls,
)
from tidewire.config.values import Network, Secret

__all__ = [
    "Api",
    "Auth",
    "Channel",
    "Compression",
    "Heartbeat",
    "History",
    "Limits",
    "Lobby",
    "Log",
    "Network",
    "Origins",
    "Proxy",
    "Secret",
    "Server",
    "Settings",
    "Tls",
]
