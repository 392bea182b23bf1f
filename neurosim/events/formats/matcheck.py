"""Do the parts of a MATLAB file (version 5) fit into it? Asked before anything is allocated.

A file is 128 bytes of header and elements: uint32 type and size, then so many bytes. Type 15
is an element that was compressed, type 14 an array: flags, dimensions, name, then its numbers or
the arrays that it holds. scipy takes room for what an element announces, before it is there.
"""

import struct
import zlib
from math import prod

from .compression import LARGEST
from .cursor import Damaged

_ARRAY, _COMPRESSED, _FLAGS, _DIMENSIONS = 14, 15, 6, 5
_SPARSE = 5  # class of arrays whose dimensions need no room
_DEPTH = 16


def check(data: memoryview) -> None:
    """Raise `Damaged` unless every element lies within the one that holds it."""
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[126:128]))
    if order is None:
        raise Damaged
    _elements(data, 128, len(data), order, 0)


def _elements(data: memoryview, at: int, end: int, order: str, depth: int) -> None:
    while at < end:
        kind, start, stop, at = _tag(data, at, end, order)
        if kind == _COMPRESSED and depth == 0:
            inflater = zlib.decompressobj()
            try:
                inner = inflater.decompress(data[start:stop], LARGEST)
            except zlib.error:
                raise Damaged from None
            _elements(memoryview(inner), 0, len(inner), order, 1)
            at = stop  # not padded
        elif kind == _ARRAY:
            _array(data, start, stop, order, depth + 1)


def _tag(data: memoryview, at: int, end: int, order: str) -> tuple[int, int, int, int]:
    """Type, first and last byte of the content, and where the next element begins."""
    if at + 8 > end:
        raise Damaged
    kind, size = struct.unpack_from(order + "II", data, at)
    if kind >> 16:  # up to four bytes in the place of the size
        if kind >> 16 > 4:
            raise Damaged
        return kind & 0xFFFF, at + 4, at + 4 + (kind >> 16), at + 8
    if size > end - at - 8:
        raise Damaged
    stop = at + 8 + size
    return kind, at + 8, stop, min(stop + -size % 8, end)


def _array(data: memoryview, start: int, stop: int, order: str, depth: int) -> None:
    """An array has no more entries than bytes."""
    if depth > _DEPTH:
        raise Damaged
    if start == stop:  # an empty one
        return
    kind, first, _, at = _tag(data, start, stop, order)
    if kind != _FLAGS or first + 4 > stop:
        raise Damaged
    sort = struct.unpack_from(order + "I", data, first)[0] & 0xFF
    kind, first, last, after = _tag(data, at, stop, order)
    if kind == _DIMENSIONS and sort != _SPARSE:
        sides = struct.unpack_from(f"{order}{(last - first) // 4}i", data, first)
        if min(sides, default=0) < 0 or prod(sides) > stop - start:
            raise Damaged
    _elements(data, after, stop, order, depth)
