"""Hub: this process's channels and who is subscribed to each, and the fan-out.

No await, no clock, no I/O: it is told what to send and to whom, makes the bytes
once for each kind of wire, and hands them to its members.

- ``core``: rooms by channel name, and the fan-out of what a tick has collected;
- ``room``: one channel, seen from this process;
- ``slow``: members that read too slowly, and how they catch up, from their room's ``tail``;
- ``views``: what single members are told instead of what everybody is.
"""

from tidewire.hub.core import Hub
from tidewire.hub.members import Item, Member, Wire
from tidewire.hub.room import Room

__all__ = ["Hub", "Item", "Member", "Room", "Wire"]
