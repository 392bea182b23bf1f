"""Which events does this ROS message hold? Event arrays and packets, of ROS 1 and ROS 2.

``dvs_msgs/EventArray`` and ``prophesee_event_msgs/EventArray``: header, height, width, and
for each event uint16 x and y, a time of seconds and nanoseconds, and a polarity.
``event_camera_msgs/EventPacket``: header, height, width, a number, a time base, the name of an
encoding, and the camera's own words. The same fields as CDR in ROS 2, where numbers are
aligned.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .cursor import Cursor, Damaged
from .evt2 import START2, fill_evt2, fill_evt21
from .evt3 import START, fill_evt3
from .source import BASE, LARGEST_SIDE, NEVER, Columns, sorted_out
from .tally import Tally

_ARRAYS = ("dvs_msgs", "prophesee_event_msgs")
_PACKETS = ("event_camera_msgs", "event_array_msgs")
_WORDS: dict[str, tuple[Callable, str, tuple[int, ...], int]] = {
    "evt2": (fill_evt2, "<u4", START2, 1),
    "evt21": (fill_evt21, "<i8", (-1, 0), 32),
    "evt3": (fill_evt3, "<u2", START, 12),
}
_ROOM = 1 << 16
_FIRST = np.dtype([("x", "<u2"), ("y", "<u2"), ("s", "<u4"), ("ns", "<u4"), ("p", "u1")])
_NEXT = np.dtype(  # of CDR, from the second event on: numbers are aligned
    {"names": ["x", "y", "s", "ns", "p"], "formats": ["<u2", "<u2", "<u4", "<u4", "u1"],
     "offsets": [0, 2, 6, 10, 14], "itemsize": 16}
)  # fmt: skip


def holds_events(kind: str) -> bool:
    """Whether messages of this type are understood; ``kind`` as 'package/msg/Name'."""
    package, name = kind.split("/")[0], kind.split("/")[-1]
    if package in _ARRAYS:
        return name == "EventArray"
    return package in _PACKETS and name in ("EventPacket", "EventArray")


@dataclass(slots=True)
class Decoder:
    """Decodes the messages of one topic, in their order.

    ``sensor_size`` is known after the first message.
    """

    kind: str
    ros2: bool
    sensor_size: tuple[int, int] | None = None
    last: int | None = None
    state: np.ndarray | None = None
    encoding: str = ""
    room: Columns = field(default_factory=lambda: Columns.room(_ROOM))

    def __call__(self, message: bytes | memoryview, tally: Tally) -> list[Columns]:
        """Events of one message; a damaged one is counted and gives none."""
        try:
            cursor = self._cursor(message)
            height, width = cursor.number("I"), cursor.number("I")
            if 1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE:
                self.sensor_size = self.sensor_size or (width, height)
            if self.kind.split("/")[0] in _ARRAYS:
                return [self._sorted_out(self._array(cursor), tally)]
            return self._packet(cursor, tally)
        except Damaged:
            tally.extra["damaged messages dropped"] += 1
            return []

    def _cursor(self, message: bytes | memoryview) -> Cursor:
        """Behind the message's header."""
        if not self.ros2:
            cursor = Cursor(message)
            cursor.number("I")  # sequence number
        else:
            if bytes(message[:2]) != b"\0\1":  # plain CDR, little-endian
                raise Damaged
            cursor = Cursor(message[4:], aligned=True)
        cursor.number("I")
        cursor.number("I")
        cursor.text()
        return cursor

    def _array(self, cursor: Cursor) -> Columns:
        n = cursor.number("I")
        if not n:
            return Columns.room(0)
        rows = [np.frombuffer(cursor.take(13), _FIRST)]
        if self.ros2 and n > 1:
            cursor.at += 1
            # The last event has no padding behind it, where the bytes may end.
            body = bytes(cursor.take(16 * (n - 1) - 1)) + b"\0"
            rows.append(np.frombuffer(body, _NEXT))
        elif n > 1:
            rows.append(np.frombuffer(cursor.take(13 * (n - 1)), _FIRST))
        x, y, s, ns, p = (np.concatenate([row[name] for row in rows]) for name in _FIRST.names)
        t = s.astype(np.int64) * 1_000_000 + ns.astype(np.int64) // 1000
        return Columns(x, y, t, (p != 0).astype(np.uint8))

    def _packet(self, cursor: Cursor, tally: Tally) -> list[Columns]:
        cursor.number("Q")
        base = cursor.number("Q")
        encoding = cursor.text()
        big = cursor.number("B")
        payload = cursor.take(cursor.number("I"))
        self.encoding = self.encoding or encoding
        if encoding == "mono" and not big:
            return [self._sorted_out(_mono(payload, base), tally)]
        if encoding not in _WORDS or big:
            tally.extra[f"messages of encoding {encoding[:20]!r} skipped"] += 1
            return []
        return self._words(np.frombuffer(payload, np.uint8), tally, *_WORDS[encoding])

    def _words(self, data, tally, fill, word, start, most) -> list[Columns]:
        width, height = self.sensor_size or (LARGEST_SIDE, LARGEST_SIDE)
        if self.state is None:
            self.state = np.array([0, width, height, NEVER, *start], np.int64)
        size = np.dtype(word).itemsize
        words = data[: len(data) // size * size].copy().view(word)
        tally.truncated += len(data) % size
        found, begin = [], 0
        while begin < len(words):
            n, used = fill(words[begin:], self.state, tally.counts, *self.room)
            found.append(Columns(*(column[:n].copy() for column in self.room)))
            begin += used
            self.state[BASE] += used * size
        return found

    def _sorted_out(self, columns: Columns, tally: Tally) -> Columns:
        columns, self.last = sorted_out(columns, self.sensor_size, self.last, tally)
        return columns


def _mono(payload: memoryview, base: int) -> Columns:
    """Words of 64 bits: 32 of time [ns] since ``base``, 16 of x, 15 of y, polarity."""
    words = np.frombuffer(payload[: len(payload) // 8 * 8], "<u8")
    if base >= 1 << 62:
        raise Damaged
    t = (base + (words & 0xFFFFFFFF).astype(np.int64)) // 1000
    x = (words >> 32 & 0xFFFF).astype(np.uint16)
    y = (words >> 48 & 0x7FFF).astype(np.uint16)
    return Columns(x, y, t, (words >> 63).astype(np.uint8))
