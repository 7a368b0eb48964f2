"""Node: the use cases. Connect, publish, subscribe, read, leave, drain.

Knows sessions, channels, the hub and an engine, and nothing of sockets.
"""

from tidewire.node.core import Node, NodeOptions
from tidewire.node.peer import Peer

__all__ = ["Node", "NodeOptions", "Peer"]
