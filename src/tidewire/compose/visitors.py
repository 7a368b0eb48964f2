"""Clients without a WebSocket: the parts that let them listen, poll and publish."""

from __future__ import annotations

from tidewire.compose import parts
from tidewire.config import Settings
from tidewire.dialects.native import NativeDialect
from tidewire.http.visitors import Desks, VisitorRoutes
from tidewire.hub import Hub
from tidewire.node.core import Node
from tidewire.security.origin import ANY
from tidewire.server.crossorigin import CrossOrigin
from tidewire.server.door import FrontDoor
from tidewire.server.polldesk import PollDesk
from tidewire.server.publishdesk import PublishDesk
from tidewire.server.shared import Shared
from tidewire.server.streamdoor import StreamDoor
from tidewire.server.streamwires import StreamWires

STREAM_PATH = "/sse"


def desks(settings: Settings, door: FrontDoor, node: Node, shared: Shared) -> Desks:
    """Who answers polls and publishes."""
    dialect = NativeDialect()
    return Desks(
        door,
        PollDesk(door, node, shared, dialect),
        PublishDesk(door, node, shared, dialect),
        cross_origin(settings),
    )


def visitor_routes(settings: Settings, answering: Desks) -> VisitorRoutes:
    http = settings.http
    return VisitorRoutes(
        answering,
        stream_path=STREAM_PATH if http.sse else None,
        has_poll=http.poll,
        has_publish=http.publish,
    )


def stream_door(
    settings: Settings, door: FrontDoor, node: Node, shared: Shared, hub: Hub
) -> StreamDoor | None:
    """Who lets event streams in; None where there are to be none."""
    if not settings.http.sse:
        return None
    wires = StreamWires(NativeDialect(), hub)
    readable = cross_origin(settings)
    return StreamDoor(door, node, wires, shared, cross_origin=readable, path=STREAM_PATH)


def cross_origin(settings: Settings) -> CrossOrigin:
    return CrossOrigin(parts.origin_policy(settings), allows_any=ANY in settings.origins.allowed)
