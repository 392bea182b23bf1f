"""How are Prophesee's HDF5 chunks unpacked? The codec ECF (filter 0x8ECF), one chunk at a time.

The layout, after the published codec (github.com/prophesee-ai/hdf5_ecf), all little-endian:
uint32 ``n << 2 | all_packed << 1 | x_packed``; uint64 first time; then four runs of symbols.

- times: bytes ``step << 4 | count``; count 15 has the count in a uint16 behind; bytes ``15 << 4 |
  digit`` are hexadecimal digits of a longer step, the lowest first, before the next such byte.
- with ``all_packed``: ``y << 12 | x << 1 | p`` of 24 bits each, four of them in three uint32.
  Otherwise rows: uint16 ``y << 5 | count``; count 31 has it in a uint16 behind;
- with ``x_packed``: ``x << 1 | p`` of 12 bits each, four of them in three uint16. Otherwise uint16
  ``x << 5 | mask``: bit 4 - j of the mask is one more event at x + j + 1; then polarities:
  bytes ``p << 7 | count``; count 127 has it in a uint16 behind.
"""

from typing import Any

import numpy as np

from neurosim._jit import kernel

from ..columns import STAMP_LIMIT
from .source import Columns

FILTER = 0x8ECF
_MOST = 65535  # events of a chunk
DAMAGED = STAMP_LIMIT
"""The time of events that a damaged chunk does not give: an impossible one, so they are dropped."""


def packed(data: Any) -> bool:
    """Whether an HDF5 data set is a table in ECF chunks."""
    settings = data.id.get_create_plist()
    filters = [settings.get_filter(k)[0] for k in range(settings.get_nfilters())]
    return filters == [FILTER] and data.chunks is not None and data.ndim == 1


class Table:
    """Rows of a data set in ECF chunks, sliced as if they were not packed."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.dtype = np.dtype([("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")])

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, part: slice) -> np.ndarray:
        rows = np.empty(part.stop - part.start, self.dtype)
        step = self.data.chunks[0]
        for first in range(part.start - part.start % step, part.stop, step):
            low, high = max(first, part.start), min(first + step, part.stop)
            columns = self._chunk(first, high - first)
            for name in self.dtype.names:
                column = getattr(columns, name)
                rows[name][low - part.start : high - part.start] = column[low - first :]
        return rows

    def _chunk(self, first: int, n: int) -> Columns:
        """The first ``n`` events of the chunk that begins at row ``first``."""
        columns = Columns.room(n)
        got = 0
        content, skipped = b"", 0
        try:  # it may not be there, or not be readable
            info = self.data.id.get_chunk_info_by_coord((first,))
            if info.size <= self.data.file.id.get_filesize():  # room is made for what it says
                skipped, content = self.data.id.read_direct_chunk((first,))
        except (OSError, RuntimeError, ValueError):
            pass
        if skipped:  # the filter was left out
            rows = np.frombuffer(content, self.data.dtype)[:n]
            got = len(rows)
            for name, column in zip(Columns._fields, columns, strict=True):
                column[:got] = rows[name]
        elif len(content) >= 12:
            got = unpack_ecf(np.frombuffer(content, np.uint8), *columns)
        for column in columns:
            column[got:] = 0
        columns.t[got:] = DAMAGED
        return columns


@kernel
def unpack_ecf(data, x, y, t, p):
    """Unpack the first events of a chunk; how many there are whole."""
    head = _little(data, 0, 4)
    n = head >> 2
    if n > _MOST:
        return 0
    got, i = _times(data, n, t)
    if head & 2:
        return _all_packed(data, i, min(got, n, len(t)), x, y, p)
    rows, i = _rows(data, i, n, y)
    got = min(got, rows)
    if head & 1:
        return _x_packed(data, i, min(got, n, len(t)), x, p)
    columns, i = _masked(data, i, n, x)
    signs = _signs(data, i, n, p)
    return min(got, columns, signs, len(t))


@kernel
def _little(data, i, size):
    """The number of ``size`` bytes at ``i``; 0 for what is beyond the end."""
    value = 0
    for k in range(size):
        if i + k < len(data):
            value |= np.int64(data[i + k]) << (8 * k)
    return value


@kernel
def _times(data, n, t):
    """Write the times; how many there are, and the byte behind them."""
    now, i, k, digits, step = _little(data, 4, 8), 12, 0, 0, 0
    while k < n and i < len(data):
        high, count = np.int64(data[i]) >> 4, np.int64(data[i]) & 15
        i += 1
        if high == 15:
            if digits < 15:
                step |= count << (4 * digits)
            digits += 1
            continue
        if count == 15:
            if i + 2 > len(data):
                break
            count = _little(data, i, 2)
            i += 2
        now += step + high
        step, digits = 0, 0
        for m in range(k, min(k + count, n, len(t))):
            t[m] = now
        k += count
    return min(k, n), i


@kernel
def _rows(data, i, n, y):
    k = 0
    while k < n and i + 2 <= len(data):
        value = _little(data, i, 2)
        count = value & 31
        i += 2
        if count == 31:
            if i + 2 > len(data):
                break
            count = _little(data, i, 2)
            i += 2
        for m in range(k, min(k + count, n, len(y))):
            y[m] = value >> 5
        k += count
    return min(k, n), i


@kernel
def _masked(data, i, n, x):
    k = 0
    while k < n and i + 2 <= len(data):
        value = _little(data, i, 2)
        i += 2
        for j in range(6):
            if j == 0 or value & (1 << (5 - j)):
                if k < len(x):
                    x[k] = (value >> 5) + j
                k += 1
    return min(k, n), i


@kernel
def _signs(data, i, n, p):
    k = 0
    while k < n and i < len(data):
        sign, count = np.int64(data[i]) >> 7, np.int64(data[i]) & 127
        i += 1
        if count == 127:
            if i + 2 > len(data):
                break
            count = _little(data, i, 2)
            i += 2
        for m in range(k, min(k + count, n, len(p))):
            p[m] = sign
        k += count
    return min(k, n)


@kernel
def _x_packed(data, i, n, x, p):
    """Write columns and polarities; how many lie in whole groups of four."""
    n = min(n, max(len(data) - i, 0) // 6 * 4)
    for k in range(n):
        at = i + k // 4 * 6
        a, b, c = _little(data, at, 2), _little(data, at + 2, 2), _little(data, at + 4, 2)
        if k % 4 == 0:
            value = a >> 4
        elif k % 4 == 1:
            value = a & 0xF | (b >> 8) << 4
        elif k % 4 == 2:
            value = b & 0xFF | (c >> 12) << 8
        else:
            value = c & 0xFFF
        x[k], p[k] = value >> 1, value & 1
    return n


@kernel
def _all_packed(data, i, n, x, y, p):
    """Write rows, columns and polarities; how many lie in whole groups of four."""
    n = min(n, max(len(data) - i, 0) // 12 * 4)
    for k in range(n):
        at = i + k // 4 * 12
        a, b, c = _little(data, at, 4), _little(data, at + 4, 4), _little(data, at + 8, 4)
        if k % 4 == 0:
            value = a >> 8
        elif k % 4 == 1:
            value = a & 0xFF | (b >> 16) << 8
        elif k % 4 == 2:
            value = b & 0xFFFF | (c >> 24) << 16
        else:
            value = c & 0xFFFFFF
        y[k], x[k], p[k] = (value >> 12) & 0x7FF, (value >> 1) & 0x7FF, value & 1
    return n
