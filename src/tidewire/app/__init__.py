"""App: what an application writes against: its messages, handlers, hooks, channels and publishing.

Sees the node, and of the server only how it authenticates. Holds no sockets and no
settings; the server gives it a node when it starts.
"""

from tidewire.app.core import App, AsgiApp, AsgiMessage, AsgiReceive, AsgiSend, Scope
from tidewire.app.message import Message

__all__ = ["App", "AsgiApp", "AsgiMessage", "AsgiReceive", "AsgiSend", "Message", "Scope"]
