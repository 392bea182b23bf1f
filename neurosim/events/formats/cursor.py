"""How are the fields of a serialised message read, without ever leaving it?"""

import struct


class Damaged(Exception):
    """The bytes end before, or point behind, what they announce."""


class Cursor:
    """A place in some bytes that moves on as fields are read.

    With ``aligned`` every number lies at a multiple of its size from the beginning, as in
    CDR (ROS 2); otherwise fields follow each other (ROS 1, MCAP).

    >>> cursor = Cursor(bytes([1, 0, 0, 0, 7, 0, 0, 0]), aligned=True)
    >>> cursor.number("B"), cursor.number("I")
    (1, 7)
    """

    def __init__(self, data: bytes | memoryview, *, aligned: bool = False) -> None:
        self.data = memoryview(data)
        self.at = 0
        self.aligned = aligned

    def number(self, code: str) -> int:
        """The next little-endian number; ``code`` as in :mod:`struct`."""
        size = struct.calcsize("<" + code)
        if self.aligned:
            self.align(size)
        return struct.unpack("<" + code, self.take(size))[0]

    def align(self, size: int) -> None:
        """Move on to a multiple of ``size``."""
        self.at += -self.at % size

    def take(self, size: int) -> memoryview:
        """The next ``size`` bytes."""
        end = self.at + size
        if size < 0 or end > len(self.data):
            raise Damaged
        part = self.data[self.at : end]
        self.at = end
        return part

    def text(self) -> str:
        """A string behind its uint32 length; a closing NUL is dropped."""
        return bytes(self.take(self.number("I"))).rstrip(b"\0").decode("utf-8", "replace")

    @property
    def left(self) -> int:
        return len(self.data) - self.at
