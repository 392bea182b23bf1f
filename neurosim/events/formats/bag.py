"""How are messages read from a ROS 1 bag (version 2.0)?

The line '#ROSBAG V2.0', then records: fields (uint32 length, 'name=value', each behind its
own length) and data (behind its length). The field ``op`` says what a record is: 5 a chunk of
records, compressed or not; 7 a connection, with its topic and type; 2 a message. The index at
the end of a bag is not needed, so a truncated bag gives all whole messages.
"""

import struct
from collections.abc import Iterator

from .compression import unpack
from .cursor import Cursor, Damaged
from .stored import Stored
from .tally import Tally

_LARGEST = 1 << 28  # bytes of a record
START = b"#ROSBAG V2.0\n"


def looks_like_bag(stored: Stored) -> bool:
    """Whether the first line is that of a bag."""
    return stored.starts_with(START)


def messages(stored: Stored, tally: Tally) -> Iterator[tuple[str, str, memoryview]]:
    """Topic, type and bytes of each message, in the order of the file."""
    topics: dict[bytes, tuple[str, str]] = {}
    with stored.open() as file:
        file.seek(len(START))
        at = len(START)
        while at < stored.size:
            try:
                head, data = _record(file, stored.size - at)
            except Damaged:
                tally.truncated += stored.size - at
                return
            at += 8 + len(head) + len(data)
            tally.advance(8 + len(head) + len(data))
            try:
                fields = _fields(head)
                if fields.get(b"op") == b"\5":
                    kind = fields.get(b"compression", b"none").decode("latin-1")
                    chunk = Cursor(unpack(data, kind, stored.name))
                    while chunk.left:
                        inner = _fields(chunk.take(chunk.number("I")))
                        yield from _message(inner, chunk.take(chunk.number("I")), topics)
                else:
                    yield from _message(fields, memoryview(data), topics)
            except Damaged:
                tally.extra["damaged records dropped"] += 1


def _record(file, left: int) -> tuple[bytes, bytes]:
    parts = []
    for _ in range(2):
        prefix = file.read(4)
        size = struct.unpack("<I", prefix)[0] if len(prefix) == 4 else left
        left -= 4 + size
        if left < 0 or size > _LARGEST:
            raise Damaged
        parts.append(file.read(size))
    return parts[0], parts[1]


def _fields(head: bytes | memoryview) -> dict[bytes, bytes]:
    cursor, found = Cursor(head), {}
    while cursor.left:
        name, equals, value = bytes(cursor.take(cursor.number("I"))).partition(b"=")
        if not equals:
            raise Damaged
        found[name] = value
    return found


def _message(fields, data, topics) -> Iterator[tuple[str, str, memoryview]]:
    op, connection = fields.get(b"op"), fields.get(b"conn", b"")
    if op == b"\7":
        kind = _fields(data).get(b"type", b"").decode("latin-1")
        topics[connection] = (fields.get(b"topic", b"").decode("latin-1"), kind)
    elif op == b"\2" and connection in topics:
        yield (*topics[connection], data)
