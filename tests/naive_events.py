"""Obvious decoders of the word formats, one word at a time, from the published tables.

They are the reference of the kernels: no state beyond what the tables name, and no speed.
Each gives rows (t, x, y, p) in the order of the file.
"""

import struct


def evt2(data):
    rows, high = [], None
    for (word,) in struct.iter_unpack("<I", data[: len(data) // 4 * 4]):
        kind = word >> 28
        if kind in (0, 1) and high is not None:
            t = high * 64 + ((word >> 22) & 63)
            rows.append((t, (word >> 11) & 2047, word & 2047, kind))
        elif kind == 8:
            high = word & 0xFFFFFFF
    return rows


def evt21(data):
    rows, high = [], None
    for (word,) in struct.iter_unpack("<Q", data[: len(data) // 8 * 8]):
        kind = word >> 60
        if kind in (0, 1) and high is not None:
            t = high * 64 + ((word >> 54) & 63)
            base, y = (word >> 43) & 2047, (word >> 32) & 2047
            rows += [(t, base + bit, y, kind) for bit in range(32) if word >> bit & 1]
        elif kind == 8:
            high = (word >> 32) & 0xFFFFFFF
    return rows


def evt3(data, triggers=None):
    """``triggers``, a list, gets the times of trigger words."""
    rows, high, low, y, base, p, loops = [], None, 0, 0, 0, 0, 0
    for (word,) in struct.iter_unpack("<H", data[: len(data) // 2 * 2]):
        kind, value = word >> 12, word & 4095
        t = None if high is None else (loops << 24) + (high << 12) + low
        if kind == 0:
            y = value & 2047
        elif kind == 2 and t is not None:
            rows.append((t, value & 2047, y, value >> 11))
        elif kind == 3:
            base, p = value & 2047, value >> 11
        elif kind in (4, 5):
            width = 12 if kind == 4 else 8
            if t is not None:
                rows += [(t, base + bit, y, p) for bit in range(width) if value >> bit & 1]
            base += width
        elif kind == 6:
            low = value
        elif kind == 8:
            if high is not None and value < high - 2048:
                loops += 1
            if value != high:
                low = 0
            high = value
        elif kind == 10 and triggers is not None:
            triggers.append(t)
    return rows


def dat(data):
    rows, loops, before = [], 0, 0
    for t, place in struct.iter_unpack("<II", data[: len(data) // 8 * 8]):
        loops += t < before - (1 << 31)
        before = t
        rows.append(((loops << 32) + t, place & 16383, (place >> 14) & 16383, (place >> 28) & 1))
    return rows


def aedat2_dvs128(data):
    rows = []
    for address, t in struct.iter_unpack(">II", data[: len(data) // 8 * 8]):
        if not address & 0x8000:
            rows.append((t, (address >> 1) & 127, (address >> 8) & 127, address & 1))
    return rows


def aedat2_davis(data):
    rows = []
    for address, t in struct.iter_unpack(">II", data[: len(data) // 8 * 8]):
        if not address & (1 << 31 | 1 << 10):
            x, y = (address >> 12) & 1023, (address >> 22) & 511
            rows.append((t, x, y, (address >> 11) & 1))
    return rows
