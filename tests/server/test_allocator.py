"""Large blocks stay out of the heap, also after the first of them was freed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tidewire.server.allocator import keep_large_blocks_apart

LARGE_BLOCKS_AFTER_ONE_WAS_FREED = """
import ctypes
from tidewire.server.allocator import LARGE_BLOCK_BYTES, keep_large_blocks_apart

class Blocks(ctypes.Structure):  # struct mallinfo, of which the fourth counts mapped blocks
    _fields_ = [(name, ctypes.c_int) for name in "abcdefghij"]

mallinfo = ctypes.CDLL(None).mallinfo
mallinfo.restype = Blocks
assert keep_large_blocks_apart()
bytearray(LARGE_BLOCK_BYTES)
before = mallinfo().d
kept = [bytearray(LARGE_BLOCK_BYTES) for _ in range(10)]
print(mallinfo().d - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_each_large_block_has_a_mapping_of_its_own() -> None:
    program = [sys.executable, "-c", LARGE_BLOCKS_AFTER_ONE_WAS_FREED]
    answer = subprocess.run(program, capture_output=True, text=True, check=True)
    assert int(answer.stdout) == 10


def test_another_c_library_is_left_alone() -> None:
    assert not keep_large_blocks_apart(object())
