"""Dialects: how commands and events look on the wire. Pure: bytes in, messages out, and back."""

from tidewire.dialects.base import Dialect, Undecodable
from tidewire.dialects.msgpack import MessagePackDialect
from tidewire.dialects.native import NativeDialect

__all__ = ["Dialect", "MessagePackDialect", "NativeDialect", "Undecodable"]
