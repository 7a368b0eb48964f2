"""Configuration: TOML, environment and flags become one checked, frozen value.

Opens configuration, key and certificate files. Opens no socket and starts nothing.
"""

from tidewire.config.exposure import check_exposure, has_keys, is_reachable_by_others
from tidewire.config.keys import read_keys, read_secrets
from tidewire.config.loading import Loaded, Sources, load
from tidewire.config.schemas import read_schema
from tidewire.config.settings import (
    Api,
    Auth,
    Channel,
    Compression,
    Engine,
    Heartbeat,
    History,
    Http,
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
    "Engine",
    "Heartbeat",
    "History",
    "Http",
    "Limits",
    "Loaded",
    "Lobby",
    "Log",
    "Network",
    "Origins",
    "Proxy",
    "Secret",
    "Server",
    "Settings",
    "Sources",
    "Tls",
    "check_exposure",
    "has_keys",
    "is_reachable_by_others",
    "load",
    "read_keys",
    "read_schema",
    "read_secrets",
]
