"""What is a recording? Events addressed by name: x, y, t [us] and polarity p."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.checks import integer
from neurosim.errors import ParameterError

from .columns import (
    EVENT_DTYPE,
    MAX_SIDE,
    STAMP_LIMIT,
    check_integers,
    check_polarity,
    check_range,
    check_sensor_size,
    check_span,
)

_DEFAULTS = {
    "sensor_size": None,
    "n_polarities": 2,
    "n_unsorted": 0,
    "source": "",
    "notes": (),
}
_FEW_STEPS = 64
_MOST_COUNTS = 1 << 28  # 2 GiB of int64
_ALIASES = {
    "x": ("x",),
    "y": ("y",),
    "t": ("t", "ts", "timestamp", "timestamps"),
    "p": ("p", "on", "polarity"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Events:
    """Events of a vision sensor, in order of time.

    Parameters
    ----------
    x, y : integers (n,)
        Column and row, ``0 <= x < W`` and ``0 <= y < H``; kept as uint16.
    t : integers (n,)
        Time stamps [us], kept as int64, within +-2**62 so that differences fit too.
        Stamps that run backwards are sorted stably and counted in ``n_unsorted``.
    p : (n,), optional
        Polarity: {0, 1}, {-1, 1} or bool, kept as uint8 with 1 for brighter (on).
        Without it the recording has one polarity and ``p`` is 0.
    sensor_size : (W, H), optional
        Pixels of the sensor; the smallest that holds all events when left out.
    n_polarities : int
        1 or 2: how many channels ``p`` tells apart.
    n_unsorted : int
        How many stamps were smaller than the one before, as recorded.
    source : str
        Where the events come from, for ``repr`` and reports.
    notes : tuple of str
        What the reader dropped, repaired or interpreted.

    Raises
    ------
    ParameterError
        For lengths that differ, coordinates off the sensor, fractional or non-finite
        numbers, stamps of 2**62 us or more, or polarities of none of the three kinds.

    Examples
    --------
    >>> e = Events(x=[3, 1], y=[0, 2], t=[20, 10], p=[True, False], sensor_size=(4, 3))
    >>> e
    Events(4x3, 2 events (1 on, 1 off), t 10..20 us, 200 kev/s, 1 out of order)
    >>> e.x, e.t
    (array([1, 3], dtype=uint16), array([10, 20]))
    """

    x: np.ndarray
    y: np.ndarray
    t: np.ndarray
    p: np.ndarray | None = None
    sensor_size: tuple[int, int] | None = None
    n_polarities: int = 2
    n_unsorted: int = 0
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        polarities = (
            1
            if self.p is None
            else integer("Events", "n_polarities", self.n_polarities, low=1, high=2)
        )
        integer("Events", "n_unsorted", self.n_unsorted, low=0)
        columns = {name: check_integers(name, getattr(self, name)) for name in ("x", "y", "t")}
        n = len(columns["t"])
        columns["p"] = np.zeros(n, np.uint8) if self.p is None else check_polarity(self.p)
        for name, column in columns.items():
            if len(column) != n:
                raise ParameterError(
                    f"Events.{name} must have one value per time stamp ({n}), got {len(column)}"
                )
        size = check_sensor_size(self.sensor_size, columns["x"], columns["y"])
        backwards = int(np.count_nonzero(columns["t"][1:] < columns["t"][:-1]))
        if backwards:
            order = np.argsort(columns["t"], kind="stable")
            columns = {name: column[order] for name, column in columns.items()}
        dtypes = {name: EVENT_DTYPE[name] for name in EVENT_DTYPE.names}
        for name, column in columns.items():
            object.__setattr__(self, name, column.astype(dtypes[name]))
        object.__setattr__(self, "sensor_size", size)
        object.__setattr__(self, "n_polarities", polarities)
        object.__setattr__(self, "n_unsorted", self.n_unsorted + backwards)
        object.__setattr__(self, "notes", tuple(self.notes))

    @classmethod
    def from_array(
        cls, array: np.ndarray | Mapping[str, Any], sensor_size: tuple[int, int] | None = None
    ) -> "Events":
        """Events from a structured array or a mapping of columns, by *name*.

        ``t`` may be called ``ts``, ``timestamp`` or ``timestamps`` [us]; ``p`` may be
        called ``on`` or ``polarity`` and may be missing. Other columns are ignored.

        Raises
        ------
        ParameterError
            When a column is missing: positions are never guessed.

        Examples
        --------
        >>> fields = [("t", "u8"), ("y", "i2"), ("x", "i2"), ("on", "?")]
        >>> Events.from_array(np.array([(5, 7, 1, True)], dtype=fields)).to_array()
        array([(1, 7, 5, 1)],
              dtype=[('x', '<u2'), ('y', '<u2'), ('t', '<i8'), ('p', 'u1')])
        """
        if isinstance(array, Mapping):
            names: tuple[str, ...] = tuple(array)
        else:
            names = getattr(getattr(array, "dtype", None), "names", None) or ()
        if not names:
            raise ParameterError(
                "Events.from_array: array must be structured or a mapping with columns named "
                f"x, y, t and p, got {type(array).__name__} without names; "
                "use Events(x=..., y=..., t=..., p=...)"
            )
        found = {}
        for column, aliases in _ALIASES.items():
            present = [alias for alias in aliases if alias in names]
            if present:
                found[column] = array[present[0]]
            elif column != "p":
                raise ParameterError(
                    f"Events.from_array: array must have a column {' or '.join(aliases)}, "
                    f"got columns {', '.join(names)}"
                )
        return cls(**found, sensor_size=sensor_size)

    @classmethod
    def trusted(cls, x: Any, y: Any, t: Any, p: Any, **known: Any) -> "Events":
        """Events of columns that a decoder has checked: kept as they are, not copied.

        The columns have the dtypes of ``EVENT_DTYPE`` and lie on the sensor, ``known`` is
        every other attribute. Where ``known["n_unsorted"]`` is not 0 they are sorted by time, in
        their place when they may be written to.
        """
        columns = {"x": x, "y": y, "t": t, "p": p}
        if known.setdefault("n_unsorted", 0):
            columns = _sorted(columns)
        new = object.__new__(cls)
        for name, value in (_DEFAULTS | columns | known).items():
            object.__setattr__(new, name, value)
        return new

    def keep(self, which: Any) -> "Events":
        """The events at a mask, a slice or ascending positions."""
        return self._changed(which)

    def to_array(self) -> np.ndarray:
        """A structured copy with fields ``x:<u2, y:<u2, t:<i8, p:|u1``."""
        out = np.empty(len(self), EVENT_DTYPE)
        for name in EVENT_DTYPE.names:
            out[name] = getattr(self, name)
        return out

    def __len__(self) -> int:
        return len(self.t)

    def __repr__(self) -> str:
        width, height = self.sensor_size
        words = [f"{width}x{height}", f"{len(self):,} events"]
        if self.n_polarities == 2:
            words[-1] += f" ({self.n_on:,} on, {len(self) - self.n_on:,} off)"
        if len(self):
            words.append(f"t {self.t[0]:,}..{self.t[-1]:,} us")
        if self.duration_us:
            words.append(f"{self.rate / 1e3:.4g} kev/s")
        if self.n_unsorted:
            words.append(f"{self.n_unsorted:,} out of order")
        if self.source:
            words.append(self.source)
        return f"Events({', '.join(words)})"

    @property
    def n_on(self) -> int:
        """Events of polarity 1."""
        return int(np.count_nonzero(self.p))

    @property
    def duration_us(self) -> int:
        """Time from the first to the last event [us]; 0 for fewer than two events."""
        return int(self.t[-1] - self.t[0]) if len(self) else 0

    @property
    def rate(self) -> float:
        """Mean events per second over ``duration_us``; 0 when that is 0."""
        return len(self) / self.duration_us * 1e6 if self.duration_us else 0.0

    def counts(self) -> np.ndarray:
        """Events per polarity and pixel, int64 of shape (P, H, W).

        Examples
        --------
        >>> Events(x=[0, 0, 1], y=[0, 0, 0], t=[1, 2, 3], p=[1, 1, 0]).counts().tolist()
        [[[0, 1]], [[2, 0]]]
        """
        width, height = self.sensor_size
        shape = (self.n_polarities, height, width)
        if math.prod(shape) > _MOST_COUNTS:
            raise ParameterError(
                f"Events.counts must have at most {_MOST_COUNTS:,} cells, got {shape} "
                "(polarities, H, W); crop or downsample first"
            )
        flat = (self.p.astype(np.int64) * height + self.y) * width + self.x
        return np.bincount(flat, minlength=math.prod(shape)).reshape(shape)

    def crop(
        self,
        *,
        x: tuple[int, int] | None = None,
        y: tuple[int, int] | None = None,
        t: tuple[int, int] | None = None,
    ) -> "Events":
        """Keep a box, each range half open: ``low <= value < high``.

        The window's corner becomes pixel (0, 0) and its size the sensor size; time
        stamps stay as they are.

        Raises
        ------
        ParameterError
            When a range is empty or, in x and y, leaves the sensor.

        Examples
        --------
        >>> e = Events(x=[1, 5, 9], y=[0, 0, 0], t=[10, 20, 30], p=[0, 1, 1])
        >>> e.crop(x=(4, 10), t=(0, 30))
        Events(6x1, 1 events (1 on, 0 off), t 20..20 us)
        """
        width, height = self.sensor_size
        x0, x1 = check_range("x", x, 0, width)
        y0, y1 = check_range("y", y, 0, height)
        keep = (self.x >= x0) & (self.x < x1) & (self.y >= y0) & (self.y < y1)
        if t is not None:
            t0, t1 = check_span(t)
            keep &= (self.t >= t0) & (self.t < t1)
        return self._changed(
            keep,
            x=self.x[keep] - np.uint16(x0),
            y=self.y[keep] - np.uint16(y0),
            sensor_size=(x1 - x0, y1 - y0),
        )

    def time_slice(self, start: int, stop: int) -> "Events":
        """Events with ``start <= t < stop`` [us]; the same as ``crop(t=(start, stop))``."""
        t0, t1 = check_span((start, stop))
        keep = slice(*np.searchsorted(self.t, (t0, t1)).tolist())
        return self._changed(keep)

    def shift_time(self, offset: int) -> "Events":
        """Add ``offset`` [us] to every stamp; ``e.shift_time(-e.t[0])`` starts at 0.

        Raises
        ------
        ParameterError
            When a stamp would leave +-2**62 us.
        """
        offset = integer("Events.shift_time", "offset", offset)
        ends = [int(t) + offset for t in self.t[[0, -1]]] if len(self) else [0]
        if max(-ends[0], ends[-1]) >= STAMP_LIMIT:
            raise ParameterError(
                "Events.shift_time.offset must keep every stamp > -2**62 and < 2**62 us, got "
                f"{offset}, which makes them {ends[0]}..{ends[-1]}"
            )
        return self._changed(slice(None), t=self.t + offset if len(self) else self.t)

    def downsample(self, factor: int) -> "Events":
        """Pool pixels in squares of ``factor`` x ``factor``; every event is kept.

        A last, incomplete square counts as a pixel: ``W' = ceil(W / factor)``.

        Examples
        --------
        >>> Events(x=[4], y=[1], t=[0], p=[1], sensor_size=(5, 4)).downsample(2)
        Events(3x2, 1 events (1 on, 0 off), t 0..0 us)
        """
        factor = integer("Events.downsample", "factor", factor, low=1, high=MAX_SIDE - 1)
        width, height = self.sensor_size
        return self._changed(
            slice(None),
            x=self.x // np.uint16(factor),
            y=self.y // np.uint16(factor),
            sensor_size=(-(-width // factor), -(-height // factor)),
        )

    def merge_polarity(self) -> "Events":
        """Forget the polarity: one channel, every ``p`` is 0."""
        return self._changed(slice(None), p=np.zeros(len(self), np.uint8), n_polarities=1)

    def replaced(self, **columns: Any) -> "Events":
        """The same with other columns, or another sensor size, that are known to be right.

        For operations: columns have the dtypes of ``EVENT_DTYPE``, ascend in time and lie on
        the sensor; nothing is checked.
        """
        return self._changed(slice(None), **columns)

    def _changed(self, which: Any, **changed: Any) -> "Events":
        """The events at ``which``, with some columns or attributes in place of their own."""
        new = {name: getattr(self, name)[which] for name in "xytp" if name not in changed}
        new |= {name: getattr(self, name) for name in _DEFAULTS} | changed
        unsorted = new.pop("n_unsorted")
        made = Events.trusted(**new)
        object.__setattr__(made, "n_unsorted", unsorted)
        return made


def _sorted(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns in order of time, stably; where few stamps run backwards, only around them."""
    t = columns["t"]
    steps = np.flatnonzero(t[1:] < t[:-1]) + 1
    if len(steps) > _FEW_STEPS or not all(column.flags.writeable for column in columns.values()):
        order = np.argsort(t, kind="stable")
        return {name: column[order] for name, column in columns.items()}
    for begin, end in zip(steps, np.append(steps, len(t))[1:], strict=True):
        # What lies before is in order, and so is what follows up to the next step.
        first = int(np.searchsorted(t[:begin], t[begin], "right"))
        last = int(begin + np.searchsorted(t[begin:end], t[begin - 1], "left"))
        order = np.argsort(t[first:last], kind="stable")
        for column in columns.values():
            column[first:last] = column[first:last][order]
    return columns
