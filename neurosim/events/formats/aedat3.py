"""How is AEDAT 3.1 (cAER) decoded?

Text lines up to '#!END-HEADER', then packets: a header of 28 bytes (int16 type and source,
int32 size of an event, place of its time, overflows of the time, capacity, number of events,
number of valid ones; little-endian), then the events. A polarity event (type 1) has 8 bytes:
bit 0 valid, bit 1 polarity, bits 2..16 y, bits 17..31 x, and an int32 time [us]. The time is
the overflows times 2**31 us more.
"""

import numpy as np

from neurosim._jit import kernel

from .aedat import lines
from .source import BASE, HEIGHT, LAST, OWN, WIDTH, Words
from .stored import Stored
from .tally import BROKEN, FAULT, OFF, OTHER, UNKNOWN, UNSORTED, WRAPS

LEFT = OWN  # events of the packet that are still to come
EPOCH = OWN + 1  # overflows of the packet [us]
SKIP = OWN + 2  # bytes of another kind of packet that are still to come

_HEADER = 28
_CAMERAS = (
    ("DVS128", (128, 128)),
    ("DAVIS128", (128, 128)),
    ("DAVIS208", (208, 192)),
    ("DAVIS240", (240, 180)),
    ("DAVIS346", (346, 260)),
    ("DAVIS640", (640, 480)),
    ("DVXPLORER", (640, 480)),
)


def looks_like_aedat3(stored: Stored) -> bool:
    """Whether the first line says version 3."""
    return stored.starts_with(b"#!AER-DAT3")


def open_aedat3(stored: Stored) -> Words:
    header, start = lines(stored)
    text = " ".join(line.upper() for line in header)
    return Words(
        stored=stored,
        title="AEDAT 3.1",
        sensor_size=next((size for name, size in _CAMERAS if name in text), None),
        fill=fill_aedat3,
        start=start,
        smallest=8,
        state=(0, 0, 0),
        other="events of other kinds (frames, IMU, triggers)",
    )


@kernel
def _number(data, i):
    """The int32 at byte ``i``."""
    word = np.int64(data[i]) | np.int64(data[i + 1]) << 8
    word |= np.int64(data[i + 2]) << 16 | np.int64(data[i + 3]) << 24
    return word - ((word & 0x80000000) << 1)


@kernel
def fill_aedat3(data, state, counts, x, y, t, p):
    """Decode packets (uint8); returns (events, bytes used)."""
    n, i, size, room = 0, 0, len(data), len(x)
    while i < size:
        if state[SKIP] > 0:
            step = min(state[SKIP], size - i)
            state[SKIP] -= step
            i += step
        elif state[LEFT] > 0:
            if i + 8 > size or n == room:
                break
            n += _put(n, data, i, state, counts, (x, y, t, p))
            state[LEFT] -= 1
            i += 8
        else:
            if i + _HEADER > size:
                break
            if not _packet(data, i, state, counts):
                counts[BROKEN] = state[BASE] + i + 1
                break
            i += _HEADER
    return n, i


@kernel
def _packet(data, i, state, counts):
    """Read the header of a packet; whether it can be one."""
    kind = np.int64(data[i]) | np.int64(data[i + 1]) << 8
    length, place = _number(data, i + 4), _number(data, i + 8)
    overflows, capacity = _number(data, i + 12), _number(data, i + 16)
    number = _number(data, i + 20)
    if length < 1 or overflows < 0 or number < 0 or capacity < number or kind > 100:
        return False
    if kind == 1 and (length != 8 or place != 4):
        return False
    epoch = overflows << 31
    counts[WRAPS] += epoch > state[EPOCH] and state[LAST] >= 0
    state[EPOCH] = epoch
    if kind == 1:
        state[LEFT] = number
    else:
        state[SKIP] = number * length
        if kind < 20:
            counts[OTHER] += number
        else:
            counts[UNKNOWN] += 1
    return True


@kernel
def _put(n, data, i, state, counts, columns):
    """Write the polarity event at byte ``i``; 1 when it is a valid one."""
    x, y, t, p = columns
    word = _number(data, i)
    stamp = _number(data, i + 4)
    if word & 1 == 0:
        counts[OTHER] += 1
        return 0
    column, row = (word >> 17) & 0x7FFF, (word >> 2) & 0x7FFF
    if column >= state[WIDTH] or row >= state[HEIGHT] or stamp < 0:
        counts[OFF] += 1
        if counts[FAULT] == 0:
            counts[FAULT] = state[BASE] + i + 1
        return 0
    now = state[EPOCH] + stamp
    counts[UNSORTED] += now < state[LAST]
    state[LAST] = now
    x[n], y[n], t[n], p[n] = column, row, now, (word >> 1) & 1
    return 1
