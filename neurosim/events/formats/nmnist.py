"""How is an N-MNIST (or N-Caltech101) .bin file recognised, read and written?

Five bytes per event, no header: x, y, then one bit of polarity and 23 bits of time
stamp [us], big-endian. A record with y = 240 is no event: it adds 2**13 us to its own
and all later stamps (the data set's published reader).
"""

import os
from pathlib import Path

import numpy as np

from neurosim.errors import FormatError, ParameterError
from neurosim.files import HEAD_BYTES, write_whole

from ..container import Events
from .source import Whole
from .stored import Stored

N_MNIST_SIZE = (34, 34)
N_CALTECH_SIZE = (240, 180)

_RECORD = 5
_OVERFLOW_ROW = 240
_OVERFLOW_US = 1 << 13
_ODD = 0.01  # share of pixels off the sensor, backward stamps or repeats that may occur
_ODD_HEAD = 0.05  # ... among the first records: damage may be dense there
_ENOUGH = 64  # events that make an accident unlikely on the larger sensor
_TEXT = np.zeros(256, bool)
_TEXT[[9, 10, 13, *range(32, 127)]] = True


def looks_like_nmnist(stored: Stored) -> bool:
    """Whether the first bytes of a file may begin such a recording.

    The format has no signature, so its statistics must do: not plain text; 95 % of the
    pixels on the 34 x 34 sensor (or, with at least 64 events, the 240 x 180 one), time
    stamps that hardly ever run backwards, and hardly ever the same record twice in a row.
    :func:`decode_nmnist` asks for 99 % of the whole file.
    """
    return _sensor_of(stored) is not None


def open_nmnist(stored: Stored) -> Whole:
    """The recording; its sensor is told by its pixels."""
    size = _sensor_of(stored)
    return Whole(
        stored=stored,
        title="N-MNIST .bin" if size == N_MNIST_SIZE else "N-Caltech101 .bin",
        sensor_size=size,
        decode=decode_nmnist,
    )


def _sensor_of(stored: Stored) -> tuple[int, int] | None:
    data = stored.head
    return _sensor(data, _ODD_HEAD if len(data) >= HEAD_BYTES else _ODD)


def _sensor(data: np.ndarray, share: float = _ODD) -> tuple[int, int] | None:
    records = data[: len(data) // _RECORD * _RECORD].reshape(-1, _RECORD)
    pixels = records[records[:, 1] != _OVERFLOW_ROW]
    odd = share * len(records)
    if not len(pixels) or _TEXT[data].all():
        return None
    backwards = np.count_nonzero(np.diff(_stamps(records)) < 0)
    repeated = np.count_nonzero((records[1:] == records[:-1]).all(axis=1))
    if max(backwards, repeated) > odd:
        return None
    for size, enough in ((N_MNIST_SIZE, 1), (N_CALTECH_SIZE, _ENOUGH)):
        if len(pixels) >= enough and np.count_nonzero(_off(pixels, size)) <= odd:
            return size
    return None


def _off(records: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return (records[:, 0] >= size[0]) | (records[:, 1] >= size[1])


def _stamps(records: np.ndarray) -> np.ndarray:
    """Time stamps [us] of all records, overflows added."""
    t = (records[:, 2].astype(np.int64) & 0x7F) << 16
    t |= records[:, 3].astype(np.int64) << 8
    t |= records[:, 4]
    return t + _OVERFLOW_US * np.cumsum(records[:, 1] == _OVERFLOW_ROW)


def decode_nmnist(data: np.ndarray, name: str, *, strict: bool = True) -> Events:
    """Events of the bytes of a .bin file (``data`` uint8, called ``name`` in errors).

    With ``strict=False`` pixels off the sensor and an incomplete last record are dropped
    and noted.

    Raises
    ------
    FormatError
        When the content is not that of such a file, or it is damaged.
    """
    size = _sensor(data)
    if size is None:
        raise FormatError(
            f"{name}: records of 5 bytes must be events of an N-MNIST recording (pixels on the "
            "34x34 sensor, ascending time stamps), got other data; use the reader of its format"
        )
    whole, tail = divmod(len(data), _RECORD)
    if tail and strict:
        raise FormatError(
            f"{name}: the event at byte {whole * _RECORD} must have 5 bytes, but the file ends "
            f"at byte {len(data)} inside it; copy the file again, or open it with "
            f"strict=False to keep the {whole:,} whole events"
        )
    records = data[: whole * _RECORD].reshape(-1, _RECORD)
    pixel = records[:, 1] != _OVERFLOW_ROW
    off = pixel & _off(records, size)
    if strict and off.any():
        raise FormatError(
            f"{name}: the event at byte {int(off.argmax()) * _RECORD} must lie on the "
            f"{size[0]}x{size[1]} sensor, got another pixel; the file is damaged: open it with "
            "strict=False to keep the other events"
        )
    keep = pixel & ~off
    t = _stamps(records)[keep]
    records = records[keep]
    notes = [f"{np.count_nonzero(off):,} events off the sensor dropped"] if off.any() else []
    if tail:
        notes.append(f"truncated: {tail} bytes at the end dropped")
    return Events(
        x=records[:, 0],
        y=records[:, 1],
        t=t,
        p=records[:, 2] >> 7,
        sensor_size=size,
        source="N-MNIST .bin" if size == N_MNIST_SIZE else "N-Caltech101 .bin",
        notes=tuple(notes),
    )


def write_nmnist(events: Events, path: str | os.PathLike) -> Path:
    """Write five bytes per event; the file appears complete or not at all.

    Raises
    ------
    ParameterError
        For a sensor above 240 x 180, stamps outside 0..2**23 - 1 us, events by which nobody
        could recognise the format, which has no signature, or a path that cannot be written.
    """
    width, height = events.sensor_size
    if width > N_CALTECH_SIZE[0] or height > N_CALTECH_SIZE[1]:
        raise ParameterError(
            f"write_nmnist: events.sensor_size must be <= {N_CALTECH_SIZE}, got "
            f"{events.sensor_size}; use write_es, or crop or downsample"
        )
    if len(events) and (events.t[0] < 0 or events.t[-1] >= 1 << 23):
        raise ParameterError(
            f"write_nmnist: events.t must be in 0..{(1 << 23) - 1} us, got {events.t[0]}.."
            f"{events.t[-1]}; use write_es, or time_slice and shift_time"
        )
    records = np.empty((len(events), _RECORD), np.uint8)
    records[:, 0], records[:, 1] = events.x, events.y
    records[:, 2] = events.p << 7 | (events.t >> 16)
    records[:, 3], records[:, 4] = (events.t >> 8) & 0xFF, events.t & 0xFF
    if _sensor(records.reshape(-1)) is None:
        raise ParameterError(
            "write_nmnist: events must be recognisable by their statistics, as the format has no "
            f"signature, got {len(events)} events, or too many of the same pixel and stamp; write "
            "another format"
        )
    return write_whole(path, records.tobytes(), owner="write_nmnist")
