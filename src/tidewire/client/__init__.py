"""Client: the Python client of a Tidewire server, which never loses its place.

    from tidewire.client import connect

    async with connect("wss://rt.example.com/ws", token=token) as client:
        async for entry in client.channel("news"):
            print(entry.data)

Rules are in pure rooms (``backoff``, ``closing``, ``stream``, ``outgoing``, ``exchange``,
``buffer``, ``tokens``, ``reading``), which know no clock and no socket; ``wire``,
``connection`` and ``core`` are the asyncio around them, ``blocking`` is the same for
scripts. Imports messages, websocket and errors, and nothing of a server.
"""

from tidewire.client.channel import Channel
from tidewire.client.core import Client, connect
from tidewire.client.errors import ClientClosed, NotSent, OutcomeUnknown, QueueFull
from tidewire.client.events import ChannelEvent, Entry, Gap, History, Signal, Skip, StateSet
from tidewire.client.outgoing import QueueLimits
from tidewire.client.state import Closed, Connecting, ConnectionState, Open, Waiting
from tidewire.errors import CommandRefused
from tidewire.messages import Occupancy, Position, PresenceList, UserJoined, UserLeft

__all__ = [
    "Channel",
    "ChannelEvent",
    "Client",
    "ClientClosed",
    "Closed",
    "CommandRefused",
    "Connecting",
    "ConnectionState",
    "Entry",
    "Gap",
    "History",
    "NotSent",
    "Occupancy",
    "Open",
    "OutcomeUnknown",
    "Position",
    "PresenceList",
    "QueueFull",
    "QueueLimits",
    "Signal",
    "Skip",
    "StateSet",
    "UserJoined",
    "UserLeft",
    "Waiting",
    "connect",
]
