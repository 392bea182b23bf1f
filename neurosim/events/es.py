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

from .container import Events

SIGNATURE = b"Event Stream"
TYPES = {0: "generic", 1: "DVS", 2: "ATIS", 3: "modular display", 4: "colour"}

OK, TRUNCATED, OFF_SENSOR = 0, 1, 2
_MAX_OVERFLOWS = 1 << 24  # an .es file stores a pause as one byte per 127 us


def looks_like_es(data: np.ndarray, *, generic: bool) -> bool:
    """Whether ``data`` (uint8), the first bytes of a file, begins an Event Stream.

    One of ``generic`` events, which may be two bytes long, or one of a sensor.
    """
    head = data[:16].tobytes()
    return head.startswith(SIGNATURE) and (head[15:] == b"\0") == generic


def decode_es(data: np.ndarray, name: str, *, strict: bool = True) -> Events:
    """Events of the bytes of an .es file.

    Generic events have a payload of bytes and no pixel: they become events of a
    256 x 1 sensor with one polarity, ``x`` the first byte of the payload (0 when it is
    empty). Of an ATIS stream the change events are kept; exposure measurements are
    counted in ``notes``.

    Parameters
    ----------
    data : uint8 (size,)
        The whole file.
    name : str
        How to call the file in errors.
    strict : bool
        Raise for a truncated end and for pixels off the sensor. Otherwise drop them and
        say so in ``notes``.
    """
    head = header(data, name)
    piece = decode_piece(data, head, head.start, 0, strict=strict)
    if strict and piece.status == OFF_SENSOR:
        raise off_sensor(name, piece.where, head)
    if strict and piece.status == TRUNCATED:
        raise FormatError(
            f"{name}: the event at byte {piece.where} must be complete, but the file ends at byte "
            f"{len(data)} inside it; copy the file again, or open it with strict=False to keep "
            f"the {len(piece.columns['t']):,} whole events"
        )
    tail = len(data) - piece.where if piece.status == TRUNCATED else 0
    return events_of(head, piece.columns, _notes(head.kind, piece.skipped, piece.off, tail))


class Header(NamedTuple):
    """Stream type, version, first byte after the header, and the sensor."""

    kind: str
    version: str
    start: int
    width: int
    height: int


class Piece(NamedTuple):
    """What was decoded up to byte ``where``, at time ``now``, and why it stops there."""

    columns: dict[str, np.ndarray]
    skipped: int
    off: int
    where: int
    now: int
    status: int


def decode_piece(data: np.ndarray, head: Header, start: int, now: int, *, strict: bool) -> Piece:
    """Decode ``data`` from byte ``start`` on, where the time is ``now``."""
    fill = {"generic": _fill_generic, "DVS": _fill_dvs, "ATIS": _fill_atis}[head.kind]
    smallest = 2 if head.kind == "generic" else 5
    capacity = (len(data) - start) // smallest
    x, y = np.empty(capacity, np.uint16), np.empty(capacity, np.uint16)
    t, p = np.empty(capacity, np.int64), np.empty(capacity, np.uint8)
    n, *rest = fill(data, start, now, head.width, head.height, strict, x, y, t, p)
    columns = {"x": x[:n], "y": y[:n], "t": t[:n]}
    return Piece(columns if head.kind == "generic" else columns | {"p": p[:n]}, *rest)


def events_of(head: Header, columns: dict[str, np.ndarray], notes: tuple[str, ...] = ()) -> Events:
    """Events, which copy the columns, with the sensor and the source of the header."""
    source = f"Event Stream {head.version} {head.kind}"
    return Events(**columns, sensor_size=(head.width, head.height), source=source, notes=notes)


def off_sensor(name: str, where: int, head: Header) -> FormatError:
    """The error for a pixel that the sensor does not have."""
    return FormatError(
        f"{name}: event at byte {where} must lie on the {head.width}x{head.height} sensor, got "
        "another pixel; the file is damaged from there on or before: open it with "
        "strict=False to keep the other events"
    )


def _notes(kind: str, skipped: int, off: int, tail: int) -> tuple[str, ...]:
    notes = []
    if kind == "generic":
        notes.append(
            f"generic events: x is the first of the payload's bytes; {skipped:,} bytes after "
            "it are not kept"
        )
    elif skipped:
        notes.append(f"{skipped:,} exposure measurements dropped")
    if off:
        notes.append(f"{off:,} events off the sensor dropped")
    if tail:
        notes.append(f"truncated: {tail} bytes at the end dropped")
    return tuple(notes)


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
def _fill_dvs(data, start, now, width, height, strict, x, y, t, p):
    """Decode DVS events into x, y, t, p, from the time ``now`` on.

    Returns (events, 0, events off the sensor, byte offset, time there, status).
    """
    n, off, i = 0, 0, start
    size = len(data)
    while i < size:
        first = np.int64(data[i])
        if first >= 0xFE:
            now += 127 if first == 0xFF else 0
            i += 1
            continue
        if i + 5 > size:
            return n, 0, off, i, now, TRUNCATED
        now += first >> 1
        column = data[i + 1] | (np.int64(data[i + 2]) << 8)
        row = data[i + 3] | (np.int64(data[i + 4]) << 8)
        if column < width and row < height:
            x[n], y[n], t[n], p[n] = column, row, now, first & 1
            n += 1
        elif strict:
            return n, 0, off, i, now, OFF_SENSOR
        else:
            off += 1
        i += 5
    return n, 0, off, size, now, OK


@kernel
def _fill_atis(data, start, now, width, height, strict, x, y, t, p):
    """Decode the change events of an ATIS stream; count the exposure measurements.

    Returns (events, exposure measurements, events off the sensor, byte offset, time, status).
    """
    n, off, exposures, i = 0, 0, 0, start
    size = len(data)
    while i < size:
        first = np.int64(data[i])
        if first >= 0xFC:
            now += 63 * (first & 3)
            i += 1
            continue
        if i + 5 > size:
            return n, exposures, off, i, now, TRUNCATED
        now += first >> 2
        column = data[i + 1] | (np.int64(data[i + 2]) << 8)
        row = data[i + 3] | (np.int64(data[i + 4]) << 8)
        if first & 1:
            exposures += 1
        elif column < width and row < height:
            x[n], y[n], t[n], p[n] = column, row, now, (first >> 1) & 1
            n += 1
        elif strict:
            return n, exposures, off, i, now, OFF_SENSOR
        else:
            off += 1
        i += 5
    return n, exposures, off, size, now, OK


@kernel
def _fill_generic(data, start, now, width, height, strict, x, y, t, p):
    """Decode generic events: x is the first byte of the payload.

    Returns (events, payload bytes not kept, 0, byte offset, time there, status).
    """
    n, unused, i = 0, 0, start
    size = len(data)
    while i < size:
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
                return n, unused, 0, i, now, TRUNCATED
            more = data[j] & 1 == 1
            shift += 7
            j += 1
        if more or length > size - j:
            return n, unused, 0, i, now, TRUNCATED
        now += first
        x[n], y[n], t[n], p[n] = (data[j] if length > 0 else 0), 0, now, 0
        unused += max(length - 1, 0)
        n += 1
        i = j + length
    return n, unused, 0, size, now, OK


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
