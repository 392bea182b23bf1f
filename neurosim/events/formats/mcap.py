"""How are messages read from an MCAP file?

The magic bytes '\\x89MCAP0\\r\\n', then records: uint8 kind, uint64 length, content. Kind 3
describes a type of messages, 4 a channel (topic), 5 is a message, 6 a chunk of records,
compressed or not. What stands behind the data (15) is an index, which is not needed, so a
truncated file gives all whole messages.
"""

import struct
from collections.abc import Iterator

from .compression import unpack
from .cursor import Cursor, Damaged
from .stored import Stored
from .tally import Tally

START = b"\x89MCAP0\r\n"
_LARGEST = 1 << 28  # bytes of a record


def looks_like_mcap(stored: Stored) -> bool:
    """Whether the file begins with the magic bytes."""
    return stored.starts_with(START)


def messages(stored: Stored, tally: Tally) -> Iterator[tuple[str, str, memoryview]]:
    """Topic, type and bytes of each message, in the order of the file."""
    schemas: dict[int, str] = {}
    channels: dict[int, tuple[str, str]] = {}
    with stored.open() as file:
        file.seek(len(START))
        at = len(START)
        while at < stored.size:
            head = file.read(9)
            kind, size = struct.unpack("<BQ", head) if len(head) == 9 else (0, 1 << 63)
            if size > min(stored.size - at - 9, _LARGEST):
                if head != START[: len(head)]:  # the magic bytes once more, at the end
                    tally.truncated += stored.size - at
                return
            if kind == 15:
                return
            data = memoryview(file.read(size))
            at += 9 + size
            tally.advance(9 + size)
            try:
                if kind == 6:
                    for inner, part in _chunk(data, stored.name):
                        yield from _message(inner, part, schemas, channels)
                else:
                    yield from _message(kind, data, schemas, channels)
            except Damaged:
                tally.extra["damaged records dropped"] += 1


def _chunk(data: memoryview, name: str) -> Iterator[tuple[int, memoryview]]:
    cursor = Cursor(data)
    cursor.take(28)  # first and last time, size, checksum
    kind = cursor.text()
    records = Cursor(unpack(cursor.take(cursor.number("Q")), kind, name))
    while records.left:
        inner = records.number("B")
        yield inner, records.take(records.number("Q"))


def _message(kind, data, schemas, channels) -> Iterator[tuple[str, str, memoryview]]:
    cursor = Cursor(data)
    if kind == 3:
        number = cursor.number("H")
        schemas[number] = cursor.text()
    elif kind == 4:
        number, schema = cursor.number("H"), cursor.number("H")
        channels[number] = (cursor.text(), schemas.get(schema, ""))
    elif kind == 5:
        number = cursor.number("H")
        cursor.take(20)  # number and two times
        if number in channels:
            yield (*channels[number], cursor.take(cursor.left))
