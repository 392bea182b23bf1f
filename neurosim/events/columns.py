"""Is this column of a recording what it should be? Checks of x, y, t, p, sizes, ranges."""

from typing import Any

import numpy as np

from neurosim.checks import integer
from neurosim.errors import ParameterError

EVENT_DTYPE = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("p", "|u1")])
"""Structured layout of :meth:`Events.to_array`."""

MAX_SIDE = 65536  # x and y are uint16

STAMP_LIMIT = 1 << 62
"""Stamps are smaller than this in magnitude, so that differences fit into int64 [us]."""

ARRAY_STAMPS = STAMP_LIMIT // 4
"""Stamps of files of arrays are smaller than this in magnitude, so that units and offsets fit."""


def check_integers(name: str, value: Any) -> np.ndarray:
    """A one-dimensional integer array; whole floats are taken, fractions are not.

    Every number is within +-``STAMP_LIMIT``, that is 146,000 years in us.
    """
    try:
        column = np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise ParameterError(
            f"Events.{name} must be a one-dimensional array of integers, got a "
            f"{type(value).__name__} of uneven or foreign parts"
        ) from None
    if column.ndim != 1 or column.dtype.kind not in "iufb":
        raise ParameterError(
            f"Events.{name} must be a one-dimensional array of integers, "
            f"got shape {column.shape} of {column.dtype}"
        )
    floats = column.dtype.kind == "f"
    if floats and not np.all(np.isfinite(column) & (column == np.floor(column))):
        raise ParameterError(
            f"Events.{name} must be whole numbers (t in us), got fractions, nan or inf; "
            "scale and round first"
        )
    if column.dtype.itemsize >= 4 and len(column):  # before a cast could wrap around
        low, high = int(column.min()), int(column.max())
        if max(-low, high) >= STAMP_LIMIT:
            bad = high if high >= STAMP_LIMIT else low
            raise ParameterError(
                f"Events.{name} must be > -2**62 and < 2**62, got {bad}; subtract the first stamp"
            )
    return column.astype(np.int64) if floats else column


def check_polarity(value: Any) -> np.ndarray:
    column = check_integers("p", value)
    if column.dtype.kind == "b":
        return column
    if column.dtype.kind == "u" and (not len(column) or column.max() <= 1):
        return column
    kinds = set(np.unique(column).tolist())
    if kinds <= {0, 1}:
        return column
    if kinds <= {-1, 1}:
        return column > 0
    raise ParameterError(
        f"Events.p must hold {{0, 1}}, {{-1, 1}} or bool, got values {sorted(kinds)[:5]}"
    )


def check_sensor_size(value: Any, x: np.ndarray, y: np.ndarray) -> tuple[int, int]:
    """The given (W, H), or the smallest that holds all events; coordinates checked."""
    if value is None:
        value = tuple(int(c.max()) + 1 if len(c) else 1 for c in (x, y))
    try:
        width, height = value
    except (TypeError, ValueError):
        raise ParameterError(f"Events.sensor_size must be (W, H), got {value!r}") from None
    size = (
        integer("Events", "sensor_size[0]", width, low=1, high=MAX_SIDE),
        integer("Events", "sensor_size[1]", height, low=1, high=MAX_SIDE),
    )
    for name, column, side in (("x", x, size[0]), ("y", y, size[1])):
        if len(column) and (column.min() < 0 or column.max() >= side):
            bad = column.min() if column.min() < 0 else column.max()
            raise ParameterError(
                f"Events.{name} must be in 0..{side - 1} for sensor_size {size}, got {bad}"
            )
    return size


def check_range(name: str, value: Any, low: int | None, high: int | None) -> tuple[int, int]:
    if value is None:
        return low, high
    try:
        start, stop = value
    except (TypeError, ValueError):
        raise ParameterError(f"Events.crop.{name} must be (low, high), got {value!r}") from None
    start = integer("Events.crop", f"{name}[0]", start, low=low)
    stop = integer("Events.crop", f"{name}[1]", stop, high=high)
    if stop <= start:
        raise ParameterError(
            f"Events.crop.{name} must have low < high (high excluded), got ({start}, {stop})"
        )
    return start, stop


def check_span(value: Any) -> tuple[int, int]:
    """A range of stamps, cut to the ones that there can be."""
    low, high = check_range("t", value, None, None)
    return max(low, -STAMP_LIMIT), min(high, STAMP_LIMIT)
