"""Which dense array shows these events? Frames, voxel grids, time surfaces.

Frames are (T, P, H, W). A recording that is given is read into memory; `Recording.windows`
and `Events.counts` make frames one by one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.checks import integer, number
from neurosim.errors import ParameterError

from ..container import Events
from ..recording import Recording
from ..slicing import bounds, checked_slicing
from ..steps import placed
from .base import Operation, from_array

_MOST = 1 << 29  # cells
_SHORT = np.iinfo(np.int16).max


@dataclass(frozen=True)
class _Dense(Operation):
    def __call__(self, value: Any) -> np.ndarray:
        if isinstance(value, Recording):
            value = value.events
        name, size = type(self).__name__, getattr(self, "sensor_size", None)
        if not isinstance(value, Events):
            value = from_array(value, size, name)
        return self.apply(value if size is None else placed(name, value, size))

    def fitted(self, recording: Recording) -> Operation:
        """Not for pieces."""
        name = type(self).__name__
        raise ParameterError(
            f"Recording.then: an operation must give Events, but {name} makes an array of all of "
            f"them; call it with the recording, {name}(...)(recording), or with each of its windows"
        )

    def _shape(self, events: Events, layers: int, polarities: int | None = None):
        """(layers, P, H, W), checked to be no larger than memory allows."""
        width, height = events.sensor_size
        p = events.n_polarities if polarities is None else polarities
        shape = (layers, p, height, width)
        if np.prod([float(side) for side in shape]) > _MOST:
            raise ParameterError(
                f"{type(self).__name__}: the array must have at most {_MOST:,} cells, got {shape}; "
                "take longer windows, crop or downsample"
            )
        return shape


@dataclass(frozen=True)
class ToFrame(_Dense):
    """Count events into frames, (T, P, H, W); slicing as :func:`~.slicing.windows`.

    int16 as in tonic, or int32 where a count is larger than that holds. Exactly one of
    ``time_window`` [us], ``event_count``, ``n_time_bins``, ``n_event_bins``.

    Examples
    --------
    >>> from neurosim import events as ev
    >>> e = ev.Events(x=[0, 1, 1], y=[0, 0, 0], t=[0, 5, 10], p=[1, 0, 1], sensor_size=(2, 1))
    >>> ev.ToFrame(time_window=5)(e).shape
    (2, 2, 1, 2)
    """

    sensor_size: Any = None
    time_window: int | None = None
    event_count: int | None = None
    n_time_bins: int | None = None
    n_event_bins: int | None = None
    overlap: float = 0
    include_incomplete: bool = False
    start_time: int | None = None
    end_time: int | None = None

    def apply(self, events: Events) -> np.ndarray:
        found = bounds(events.t, checked_slicing("ToFrame", self))
        longest = int(np.diff(found).max(initial=0))
        dtype = np.int16 if longest <= _SHORT else np.int32
        frames = np.zeros(self._shape(events, len(found)), dtype)
        for k, (start, stop) in enumerate(found):
            part = slice(int(start), int(stop))
            np.add.at(frames[k], (events.p[part], events.y[part], events.x[part]), 1)
        return _short(frames)


@dataclass(frozen=True)
class ToImage(_Dense):
    """All events in one frame, (P, H, W): int16, or int32 where a count needs it."""

    sensor_size: Any = None

    def apply(self, events: Events) -> np.ndarray:
        self._shape(events, 1)
        return _short(events.counts())


def _short(counts: np.ndarray) -> np.ndarray:
    """Counts as int16 if it holds them, else as int32."""
    return counts.astype(np.int16 if counts.max(initial=0) <= _SHORT else np.int32, copy=False)


@dataclass(frozen=True)
class ToVoxelGrid(_Dense):
    """Signed events shared between the two nearest of ``n_time_bins``, float (n, 1, H, W).

    Zhu, Yuan, Chaney and Daniilidis 2019: with t scaled to 0..n, an event adds
    ``+-(1 - frac t)`` to bin ``floor t`` and ``+-frac t`` to the next one.
    """

    sensor_size: Any = None
    n_time_bins: int = 10

    def apply(self, events: Events) -> np.ndarray:
        n = integer("ToVoxelGrid", "n_time_bins", self.n_time_bins, low=1)
        grid = np.zeros(self._shape(events, n, polarities=1))
        if not events.duration_us:
            return grid
        scaled = n * (events.t - events.t[0]).astype(float) / events.duration_us
        left = scaled.astype(np.int64)
        share = scaled - left
        sign = 2.0 * events.p - 1.0
        for bins, weight in ((left, sign * (1 - share)), (left + 1, sign * share)):
            keep = bins < n
            np.add.at(grid, (bins[keep], 0, events.y[keep], events.x[keep]), weight[keep])
        return grid


@dataclass(frozen=True)
class ToTimesurface(_Dense):
    """How recently did each pixel fire? ``exp(-(end - t_last) / tau)``, (T, P, H, W).

    One surface at the end of each window of ``dt`` us; 0 where a pixel never fired
    (Lagorce et al. 2016, over the whole sensor).
    """

    sensor_size: Any = None
    dt: float = 1000
    tau: float = 10_000

    def apply(self, events: Events) -> np.ndarray:
        number("ToTimesurface", "tau", self.tau, above=0, unit="us")
        slicing = checked_slicing("ToTimesurface", {"time_window": self.dt})
        found = bounds(events.t, slicing)
        surfaces = np.zeros(self._shape(events, len(found)))
        memory = np.full(surfaces.shape[1:], -np.inf)
        start = float(events.t[0]) if len(events) else 0.0
        for k, (a, b) in enumerate(found):
            part = slice(int(a), int(b))
            # Ascending stamps: of equal pixels the last one stays.
            memory[events.p[part], events.y[part], events.x[part]] = events.t[part]
            surfaces[k] = np.exp(-((k + 1) * self.dt + start - memory) / self.tau)
        return surfaces
