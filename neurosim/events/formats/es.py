"""How is an Event Stream file (.es, version 2) read and written?

The published specification: 12 bytes "Event Stream", three version bytes, one type
byte, for a sensor its width and height as little-endian uint16, then a byte machine::

    idle        0xFF            a full time step passes, no event ("overflow")
                0xFE            reset: back to idle, nothing passes
                anything else   first byte of an event: time since the last one, ...
    DVS         first byte = dt << 1 | polarity, then x, y as uint16; overflow 127 us
    ATIS        first byte = dt << 2 | polarity << 1 | is_tc, then x, y; a byte 111111cc
                is c overflows of 63 us, c = 0 is reset
    generic     first byte = dt, then size bytes (7 bits each, low first, lowest bit 1
                while more follow), then that many bytes of payload; overflow 254 us
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurosim._jit import kernel
from neurosim.errors import FormatError, ParameterError
from neurosim.files import write_whole

from ..container import Events
from .source import BASE, HEIGHT, OWN, WIDTH, Words
from .stored import Stored
from .tally import FAULT, OFF, OTHER

SIGNATURE = b"Event Stream"
TYPES = {0: "generic", 1: "DVS", 2: "ATIS", 3: "modular display", 4: "colour"}

_MAX_OVERFLOWS = 1 << 24  # an .es file stores a pause as one byte per 127 us
_OTHER = {
    "generic": "bytes of payloads behind the first, which is x,",
    "DVS": "words that are no change events",
    "ATIS": "exposure measurements",
}
NOW = OWN
"""The time before the next byte [us]."""


def looks_like_es(stored: Stored) -> bool:
    """Whether the file begins with the words 'Event Stream'."""
    return stored.starts_with(SIGNATURE)


def open_es(stored: Stored) -> Words:
    """The recording behind the header.

    Generic events have a payload of bytes and no pixel: they become events of a 256 x 1
    sensor with one polarity, ``x`` the first byte of the payload (0 when it is empty). Of an
    ATIS stream the change events are kept; exposure measurements are counted.
    """
    head = header(stored.head, stored.name)
    return Words(
        stored=stored,
        title=f"Event Stream {head.version} {head.kind}",
        sensor_size=(head.width, head.height),
        n_polarities=1 if head.kind == "generic" else 2,
        fill={"generic": fill_generic, "DVS": fill_dvs, "ATIS": fill_atis}[head.kind],
        start=head.start,
        smallest=2 if head.kind == "generic" else 5,
        state=(0,),
        other=_OTHER[head.kind],
    )


class Header(NamedTuple):
    """Stream type, version, first byte after the header, and the sensor."""

    kind: str
    version: str
    start: int
    width: int
    height: int


def header(data: np.ndarray, name: str) -> Header:
    """The header in the first bytes of a file.

    Raises
    ------
    FormatError
    """
    head = data[:20].tobytes()
    if len(head) < 16:
        raise FormatError(
            f"{name}: an Event Stream header must have 16 bytes, the file ends at byte "
            f"{len(head)}; copy the file again"
        )
    version = ".".join(str(b) for b in head[12:15])
    if head[12] != 2:
        raise FormatError(
            f"{name}: byte 12, the Event Stream version, must be 2, got {version}; convert the "
            "file to version 2"
        )
    kind = TYPES.get(head[15], "unknown")
    if kind not in ("generic", "DVS", "ATIS"):
        raise FormatError(
            f"{name}: byte 15, the stream type, must be 0 (generic), 1 (DVS) or 2 (ATIS), got "
            f"{head[15]} ({kind}), which has no polarity; convert it to a DVS stream"
        )
    if kind == "generic":
        return Header(kind, version, 16, 256, 1)
    width, height = (int(v) for v in np.frombuffer(head[16:20].ljust(4, b"\0"), "<u2"))
    if len(head) < 20 or width == 0 or height == 0:
        raise FormatError(
            f"{name}: bytes 16 to 19, the sensor size, must be two numbers >= 1, got "
            f"{width}x{height} in {len(head)} bytes; the header is damaged"
        )
    return Header(kind, version, 20, width, height)


@kernel
def fill_dvs(data, state, counts, x, y, t, p):
    """Decode DVS events; returns (events, bytes used)."""
    n, i, now = 0, 0, state[NOW]
    size, room, width, height = len(data), len(x), state[WIDTH], state[HEIGHT]
    while i < size and n < room:
        first = np.int64(data[i])
        if first >= 0xFE:
            now += 127 if first == 0xFF else 0
            i += 1
            continue
        if i + 5 > size:
            break
        now += first >> 1
        column = data[i + 1] | (np.int64(data[i + 2]) << 8)
        row = data[i + 3] | (np.int64(data[i + 4]) << 8)
        if (column < width) & (row < height):
            k = np.uint64(n)  # an unsigned index needs no check for being negative
            x[k], y[k], t[k], p[k] = column, row, now, first & 1
            n += 1
        else:
            _off(state, counts, i)
        i += 5
    state[NOW] = now
    return n, i


@kernel
def fill_atis(data, state, counts, x, y, t, p):
    """Decode the change events of an ATIS stream; returns (events, bytes used)."""
    n, i, now = 0, 0, state[NOW]
    size, room, width, height = len(data), len(x), state[WIDTH], state[HEIGHT]
    while i < size and n < room:
        first = np.int64(data[i])
        if first >= 0xFC:
            now += 63 * (first & 3)
            i += 1
            continue
        if i + 5 > size:
            break
        now += first >> 2
        column = data[i + 1] | (np.int64(data[i + 2]) << 8)
        row = data[i + 3] | (np.int64(data[i + 4]) << 8)
        if first & 1:
            counts[OTHER] += 1
        elif (column < width) & (row < height):
            k = np.uint64(n)
            x[k], y[k], t[k], p[k] = column, row, now, (first >> 1) & 1
            n += 1
        else:
            _off(state, counts, i)
        i += 5
    state[NOW] = now
    return n, i


@kernel
def _off(state, counts, i):
    counts[OFF] += 1
    if counts[FAULT] == 0:
        counts[FAULT] = state[BASE] + i + 1


@kernel
def fill_generic(data, state, counts, x, y, t, p):
    """Decode generic events: x is the first byte of the payload; (events, bytes used)."""
    n, i, now = 0, 0, state[NOW]
    size, room = len(data), len(x)
    while i < size and n < room:
        first = np.int64(data[i])
        if first >= 0xFE:
            now += 254 if first == 0xFF else 0
            i += 1
            continue
        length, shift, j = 0, 0, i + 1
        more = True
        while more and j < size:
            if shift < 56:  # 2**56 bytes: far beyond any file, and safe in int64
                length += (np.int64(data[j]) >> 1) << shift
            elif data[j] > 1:
                length = 1 << 60
            more = data[j] & 1 == 1
            shift += 7
            j += 1
        if more or length > size - j:
            break
        now += first
        k = np.uint64(n)
        x[k], y[k], t[k], p[k] = (data[j] if length > 0 else 0), 0, now, 0
        counts[OTHER] += max(length - 1, 0)
        n += 1
        i = j + length
    state[NOW] = now
    return n, i


def write_es(events: Events, path: str | os.PathLike) -> Path:
    """Write a DVS stream of version 2.0.0; the time before the first event is kept.

    The file appears complete or not at all.

    Raises
    ------
    ParameterError
        For a first time stamp below 0, pauses so long that their filler bytes (one per
        127 us) would pass 16 MiB, or a path that cannot be written.
    """
    steps = np.diff(events.t, prepend=0)
    if len(steps) and steps[0] < 0:
        raise ParameterError(
            f"write_es: events.t must start at >= 0 us, got {events.t[0]}; use shift_time"
        )
    overflows = steps // 127
    total = int(overflows.sum())
    if total > _MAX_OVERFLOWS:
        raise ParameterError(
            f"write_es: events.t must leave pauses below {_MAX_OVERFLOWS * 127 / 1e6:.0f} s in "
            f"all, got {total * 127 / 1e6:.0f} s; start at 0 with shift_time(-events.t[0])"
        )
    width, height = events.sensor_size
    if max(width, height) > 65535:
        raise ParameterError(
            f"write_es: events.sensor_size must be <= 65535, got {width, height}; crop first"
        )
    body = np.full(5 * len(events) + total, 0xFF, np.uint8)
    first = np.cumsum(overflows) + 5 * np.arange(len(events))
    body[first] = (steps - 127 * overflows) << 1 | events.p
    for k, column in enumerate((events.x, events.y)):
        body[first + 1 + 2 * k] = column & 0xFF
        body[first + 2 + 2 * k] = column >> 8
    size = np.array([width, height], "<u2").tobytes()
    content = SIGNATURE + bytes([2, 0, 0, 1]) + size + body.tobytes()
    return write_whole(path, content, owner="write_es")
