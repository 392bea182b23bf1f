"""Which column is which? By its name where it has one, else by what can only be a time.

Files of arrays and of text do not agree on the order of columns. Names are looked up; without
names, the time is the column that ascends, the polarity the one of only two values, and x and
y are the two that are left, in their order. What was inferred is said in ``remarks``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from neurosim.checks import choice
from neurosim.errors import FormatError

from ..columns import ARRAY_STAMPS
from .source import PIECE, Columns, Source, sorted_out
from .stored import check_memory
from .tally import IMPOSSIBLE, Tally

NAMES = {
    "x": ("x", "xs", "x_pos", "col", "column"),
    "y": ("y", "ys", "y_pos", "row"),
    "t": ("t", "ts", "time", "times", "timestamp", "timestamps", "t[us]", "t[s]", "t_us"),
    "p": ("p", "ps", "pol", "polarity", "polarities", "on", "pols"),
}
UNITS = {"s": 6, "ms": 3, "us": 0, "ns": -3}
"""Time units and the power of ten that makes microseconds of them."""

DAMAGE = (OSError, RuntimeError, ValueError)
"""What HDF5 raises for a part of a data set that cannot be read."""

_ROWS = 1 << 17
_BYTES = 80  # of a row while it is converted


def by_name(names: Sequence[str]) -> dict[str, str] | None:
    """Which of ``names`` is x, y, t, and p if there is one; None when one is missing.

    >>> by_name(["ts", "xs", "ys", "ps"])
    {'x': 'xs', 'y': 'ys', 't': 'ts', 'p': 'ps'}
    """
    found = {}
    lower = {name.lower().strip(): name for name in names}
    for column, aliases in NAMES.items():
        match = next((lower[alias] for alias in aliases if alias in lower), None)
        if match is not None:
            found[column] = match
        elif column != "p":
            return None
    return found


def by_content(rows: np.ndarray, pointed: int | None = None) -> str | None:
    """The order of columns, such as 'txyp'; ``rows`` float64 (n, 3 or 4). None: no events.

    >>> by_content(np.array([[9, 7, 1, 100.0], [3, 2, 0, 104], [5, 5, 1, 104]]))
    'xypt'

    ``pointed``: the column that is the time, where that is known.
    """
    if rows.ndim != 2 or rows.shape[1] not in (3, 4) or not np.isfinite(rows).all():
        return None
    n, k = rows.shape
    whole = [bool((rows[:, c] == np.floor(rows[:, c])).all()) for c in range(k)]
    rising = np.diff(rows, axis=0) >= 0
    share = rising.mean(axis=0) if n > 1 else np.ones(k)
    times = [c for c in range(k) if share[c] >= 0.99 and (n == 1 or np.ptp(rows[:, c]) > 0)]
    if not times and n > 1:
        times = [c for c in range(k) if share[c] >= 0.99 and rows[0, c] > 1]
    signs = [c for c in range(k) if set(np.unique(rows[:, c])) <= {-1.0, 0.0, 1.0}]
    times = [c for c in times if c not in signs] or times
    times = times if pointed is None else [pointed]
    if not times:
        return None
    time = max(times, key=lambda c: (not whole[c], rows[:, c].max()))
    signs = [c for c in signs if c != time]
    sign = signs[-1] if k == 4 and signs else None
    places = [c for c in range(k) if c not in (time, sign)]
    good = all(whole[c] and rows[:, c].min() >= 0 and rows[:, c].max() < 65536 for c in places)
    if len(places) != 2 or not good:
        return None
    order = dict(zip(places, "xy", strict=True)) | {time: "t"}
    return "".join(order.get(c, "p") for c in range(k))


def checked_order(owner: str, columns: str) -> str:
    """A given order of columns: the letters x, y, t, p and - for one to pass over."""
    letters = str(columns)
    if set(letters) - set("xytp-") or any(letters.count(c) != 1 for c in "xyt"):
        raise FormatError(
            f"{owner}.columns must hold the letters x, y, t once, p at most once and - for a "
            f"column to pass over, got {columns!r}"
        )
    return letters


def power_of(
    unit: str | None, sample: np.ndarray, fractions: bool = False
) -> tuple[int, tuple[str, ...]]:
    """Power of ten that makes microseconds of the time, and what was assumed.

    Without a unit, fractions mean seconds and whole numbers microseconds; ``fractions`` tells
    that there are some, though the sample has none.
    """
    if unit is not None:
        return UNITS[choice("events.open", "time_unit", unit, tuple(UNITS))], ()
    sample = np.asarray(sample)
    if sample.dtype.kind != "f" or not len(sample):
        return 0, ()
    if not fractions and np.all(sample == np.floor(sample)):
        return 0, ("times are whole numbers, read as microseconds",)
    return 6, ("times have fractions, read as seconds",)


class Named(NamedTuple):
    """Columns that can be sliced: arrays or HDF5 data sets.

    ``offset`` [us] adds to t; ``missing`` rows were announced, but are not there; ``rows`` are
    read at a time, so that no compressed chunk is unpacked twice.
    """

    x: Any
    y: Any
    t: Any
    p: Any = None
    offset: int = 0
    missing: int = 0
    rows: int = _ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays(Source):
    """Columns that are sliced, in memory or on disk, ``load()`` gives them."""

    load: Any
    power: int = 0

    def blocks(self, tally: Tally, *, piece: int = PIECE, strict: bool = False) -> Iterator:
        last = None
        with self.load(self.stored) as named:
            total = min(len(column) for column in named[:4] if column is not None)
            rows = min(max(named.rows, _ROWS), max(total, 1))
            check_memory(rows * _BYTES, self.stored.name)
            for start in range(0, total, rows):
                part = slice(start, min(start + rows, total))
                tally.advance(self.stored.size * (part.stop - start) // total)
                try:
                    columns = self._columns(named, part, tally)
                except DAMAGE as error:
                    if strict:
                        raise FormatError(
                            f"{self.stored.name}: rows {part.start} to {part.stop} must be "
                            f"readable, got {' '.join(str(error).split())[:100]}; open it with "
                            "strict=False to keep the others"
                        ) from None
                    tally.extra["events in damaged parts dropped"] += part.stop - part.start
                    continue
                columns, last = sorted_out(columns, self.sensor_size, last, tally)
                yield columns

    def _columns(self, named: Named, part: slice, tally: Tally) -> Columns:
        x, y, t = (np.asarray(column[part]).ravel() for column in named[:3])
        n = min(len(x), len(y), len(t))
        p = np.zeros(n, np.uint8)
        if named.p is not None:
            p = (np.asarray(named.p[part]).ravel()[:n] > 0).astype(np.uint8)
        x, y, t = x[:n], y[:n], t[:n]
        with np.errstate(all="ignore"):
            good = (x >= 0) & (x < 65536) & (y >= 0) & (y < 65536)
            t, fits = _microseconds(t, self.power, named.offset)
        good &= fits
        if not good.all():
            tally.extra[IMPOSSIBLE] += int(np.count_nonzero(~good))
            x, y, t, p = x[good], y[good], t[good], p[good]
        return Columns(x.astype(np.uint16), y.astype(np.uint16), t, p)


def _microseconds(t: np.ndarray, power: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Times as int64 [us], and which of them that can hold."""
    limit = ARRAY_STAMPS
    if t.dtype.kind == "f":
        scaled = np.round(t.astype(np.float64) * 10.0**power)
        fits = np.abs(scaled) < limit
        whole = np.where(fits, scaled, 0).astype(np.int64)
    elif t.dtype.kind in "iub":
        reach = limit // 10 ** max(power, 0)
        fits = (t < reach) & (t > -reach) if t.dtype.kind == "i" else t < reach
        whole = np.where(fits, t, 0).astype(np.int64)
        whole = whole * 10**power if power >= 0 else whole // 10**-power
    else:
        return np.zeros(len(t), np.int64), np.zeros(len(t), bool)
    return whole + offset, fits
