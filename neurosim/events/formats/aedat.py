"""How are AEDAT 1 and AEDAT 2 (jAER) decoded?

Text lines that begin with '#', then big-endian records: the address (16 bits in version 1,
32 in version 2) and the time [us] as uint32, which wraps around at 2**32. What an address
means depends on the camera, which the header names::

    DVS128   bit 0 polarity, bits 1..7 x, bits 8..14 y, bit 15 no pixel
    DAVIS    bit 31 frame or IMU word; else bit 11 polarity, 12..21 x, 22..30 y, bit 10 a trigger
"""

import re
from typing import NamedTuple

import numpy as np

from neurosim._jit import kernel
from neurosim.errors import FormatError

from .source import BASE, HEIGHT, LAST, OWN, WIDTH, Words
from .stored import Stored
from .tally import FAULT, OFF, OTHER, UNSORTED, WRAPS

EPOCH, RECENT, X_SHIFT, X_MASK, Y_SHIFT, Y_MASK, P_SHIFT, NO_PIXEL = range(OWN, OWN + 8)
_SPAN = 1 << 32
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class Addresses(NamedTuple):
    """Where an address holds x, y and p, and which bits say that it is no pixel."""

    x_shift: int
    x_mask: int
    y_shift: int
    y_mask: int
    p_shift: int
    no_pixel: int


DVS128 = Addresses(1, 0x7F, 8, 0x7F, 0, 0x8000)
DAVIS = Addresses(12, 0x3FF, 22, 0x1FF, 11, 1 << 31 | 1 << 10)
_CAMERAS = (
    ("DVS128", DVS128, (128, 128)),
    ("DAVIS128", DAVIS, (128, 128)),
    ("DAVIS208", DAVIS, (208, 192)),
    ("DAVIS240", DAVIS, (240, 180)),
    ("DAVIS346", DAVIS, (346, 260)),
    ("DAVIS640", DAVIS, (640, 480)),
)


def looks_like_aedat(stored: Stored) -> bool:
    """Whether the first line says version 1 or 2."""
    return stored.starts_with(b"#!AER-DAT1", b"#!AER-DAT2")


def lines(stored: Stored, offset: int = 0) -> tuple[list[str], int]:
    """The lines that begin with '#', and the first byte behind them.

    A header may be longer than the head of the file; it has at most 4 MiB.
    """
    with stored.open() as file:
        head = file.read(4 << 20)
    found = []
    while head[offset : offset + 1] == b"#":
        end = head.find(b"\n", offset)
        line = head[offset : end if end >= 0 else len(head)]
        if _CONTROL.search(line):  # an event whose first byte is that of '#'
            break
        if end < 0:
            raise FormatError(
                f"{stored.name}: the header of an AEDAT file must end with a whole line, got "
                f"{bytes(line[:40])!r} at byte {offset} of {stored.size}; copy the file again"
            )
        found.append(line.decode("latin-1").strip())
        offset = end + 1
        if found[-1] == "#!END-HEADER":
            break
    return found, offset


def open_aedat(stored: Stored) -> Words:
    header, start = lines(stored)
    version = 1 if header[:1] and header[0].startswith("#!AER-DAT1") else 2
    addresses, size, remarks = _camera(header, stored, start, version)
    return Words(
        stored=stored,
        title=f"AEDAT {version}",
        sensor_size=size,
        fill=fill_aedat1 if version == 1 else fill_aedat2,
        start=start,
        word="<u1" if version == 1 else "<i8",
        smallest=6 if version == 1 else 1,
        state=(0, 0, *addresses),
        other="frame, IMU and trigger words",
        remarks=remarks,
    )


def _camera(header: list[str], stored: Stored, start: int, version: int):
    named = [line.upper() for line in header if "AECHIP" in line.upper()] or [
        line.upper() for line in header if "HARDWAREINTERFACE" in line.upper()
    ]
    for name, addresses, size in _CAMERAS:
        if any(name in line for line in named):
            return addresses, size, ()
    if version == 1:
        return DVS128, (128, 128), ("no camera named: addresses read as a DVS128's",)
    record = stored.head[start:]
    words = record[: len(record) // 8 * 8].view(">u4")[::2]
    if not len(words) or int(words.max()) < 1 << 16:
        return DVS128, (128, 128), ("no camera named: addresses read as a DVS128's",)
    return DAVIS, None, ("no camera named: addresses read as a DAVIS's",)


@kernel
def _swapped(word):
    """The bytes of a 32-bit number in the other order."""
    return (word & 0xFF) << 24 | (word & 0xFF00) << 8 | (word >> 8) & 0xFF00 | word >> 24


@kernel
def fill_aedat2(words, state, counts, x, y, t, p):
    """Decode records (int64: the address in the low half); returns (events, records used)."""
    n, size = 0, min(len(words), len(x))
    for i in range(size):
        address = _swapped(words[i] & 0xFFFFFFFF)
        stamp = _swapped((words[i] >> 32) & 0xFFFFFFFF)
        n += _put(n, address, stamp, state, counts, (x, y, t, p), 8 * i)
    return n, size


@kernel
def fill_aedat1(data, state, counts, x, y, t, p):
    """Decode records of six bytes; returns (events, bytes used)."""
    n, size = 0, min(len(data) // 6, len(x))
    for k in range(size):
        i = 6 * k
        address = np.int64(data[i]) << 8 | np.int64(data[i + 1])
        stamp = np.int64(data[i + 2]) << 24 | np.int64(data[i + 3]) << 16
        stamp |= np.int64(data[i + 4]) << 8 | np.int64(data[i + 5])
        n += _put(n, address, stamp, state, counts, (x, y, t, p), i)
    return n, 6 * size


@kernel
def _put(n, address, stamp, state, counts, columns, place):
    """Write one event at ``n``; 1 when it was one."""
    x, y, t, p = columns
    if stamp < state[RECENT] - _SPAN // 2:
        counts[WRAPS] += 1
        state[EPOCH] += _SPAN
    state[RECENT] = stamp
    if address & state[NO_PIXEL] != 0:
        counts[OTHER] += 1
        return 0
    column = (address >> state[X_SHIFT]) & state[X_MASK]
    row = (address >> state[Y_SHIFT]) & state[Y_MASK]
    if column >= state[WIDTH] or row >= state[HEIGHT]:
        counts[OFF] += 1
        if counts[FAULT] == 0:
            counts[FAULT] = state[BASE] + place + 1
        return 0
    now = state[EPOCH] + stamp
    counts[UNSORTED] += now < state[LAST]
    state[LAST] = now
    k = np.uint64(n)  # an unsigned index needs no check for being negative
    x[k], y[k], t[k], p[k] = column, row, now, (address >> state[P_SHIFT]) & 1
    return 1
