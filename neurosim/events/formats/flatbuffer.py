"""Where does a flatbuffer keep a field? The few rules that recordings need.

A table begins with the signed distance back to its vtable: uint16 sizes of the vtable and of
the table, then the place of each field in the table, 0 when it is absent. Strings and vectors
are found by an offset from where the offset stands, and begin with their uint32 length.
"""

import struct

from .cursor import Damaged

Buffer = bytes | memoryview


def number(data: Buffer, at: int | None, code: str, default: int = 0) -> int:
    """The number at a place; ``default`` where the place is None (an absent field)."""
    if at is None:
        return default
    if at < 0 or at + struct.calcsize(code) > len(data):
        raise Damaged
    return struct.unpack_from(code, data, at)[0]


def root(data: Buffer) -> int:
    """Place of the root table."""
    return number(data, 0, "<I")


def field(data: Buffer, table: int, index: int) -> int | None:
    """Place of a field of a table; None when it is absent."""
    entries = table - number(data, table, "<i")
    if 4 + 2 * index + 2 > number(data, entries, "<H"):
        return None
    place = number(data, entries + 4 + 2 * index, "<H")
    return table + place if place else None


def vector(data: Buffer, at: int | None, item: int) -> tuple[int, int]:
    """First byte and number of the items of a vector, each of ``item`` bytes."""
    if at is None:
        return 0, 0
    start = at + number(data, at, "<I")
    count = number(data, start, "<I")
    if start + 4 + count * item > len(data):
        raise Damaged
    return start + 4, count


def text(data: Buffer, at: int | None) -> str:
    """A string; empty when absent."""
    start, count = vector(data, at, 1)
    return bytes(data[start : start + count]).decode("utf-8", "replace")
