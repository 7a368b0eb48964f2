"""App: what an application writes against: its messages, handlers, hooks, channels and publishing.

Sees the node, and of the server only how it authenticates. Holds no sockets and no
settings; the server gives it a node when it starts.
"""

from tidewire.app.channels import Channel
from tidewire.app.client import Client
from tidewire.app.core import App, AsgiApp, AsgiMessage, AsgiReceive, AsgiSend, Scope
from tidewire.app.message import Message
from tidewire.app.refused import Refused
from tidewire.app.workers import WorkLimits

__all__ = [
    "App",
    "AsgiApp",
    "AsgiMessage",
    "AsgiReceive",
    "AsgiSend",
    "Channel",
    "Client",
    "Message",
    "Refused",
    "Scope",
    "WorkLimits",
]
