"""Which events does a filter keep that remembers each pixel? Compiled, piece by piece."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim._jit import kernel
from neurosim.checks import integer, number
from neurosim.errors import ParameterError

from ..container import Events
from ..recording import Recording
from .base import Operation, Runner

_NEVER = -(1 << 62)
_MOST = 1 << 28  # pixels that are remembered


def _remembering(owner: str, start: int, fill: Callable) -> Runner:
    """A runner with one int64 per pixel, at first ``start``; ``fill(memory, events, keep)``."""
    memory: list[np.ndarray] = []

    def run(events: Events) -> Events:
        width, height = events.sensor_size
        if not memory:
            integer(owner, "pixels", width * height, high=_MOST)
            memory.append(np.full((height, width), start, np.int64))
        keep = np.empty(len(events), np.uint8)
        fill(memory[0], events, keep)
        return events.keep(keep.view(bool))

    return run


@dataclass(frozen=True)
class RefractoryPeriod(Operation):
    """Keep an event when more than ``delta`` us passed since the pixel's last one.

    Events that are dropped count as last ones too, as in tonic.

    Examples
    --------
    >>> from neurosim import events as ev
    >>> e = ev.Events(x=[0] * 4, y=[0] * 4, t=[1, 5, 12, 30], p=[1] * 4)
    >>> ev.RefractoryPeriod(delta=6)(e).t.tolist()
    [1, 12, 30]
    """

    delta: int

    def __post_init__(self) -> None:
        integer("RefractoryPeriod", "delta", self.delta, low=0, high=1 << 61)

    def start(self) -> Runner:
        """Remembers the last time of each pixel."""
        return _remembering(
            "RefractoryPeriod",
            _NEVER,
            lambda memory, e, keep: _rested(memory, e.x, e.y, e.t, self.delta, keep),
        )


@dataclass(frozen=True)
class Denoise(Operation):
    """Background-activity filter: keep an event when one of its four neighbours had one less
    than ``filter_time`` us ago, of any polarity (Delbruck 2008).

    tonic takes every pixel to have fired at 0 us, and so keeps all that comes before
    ``filter_time``; here a pixel has not fired before its first event.
    """

    filter_time: int

    def __post_init__(self) -> None:
        number("Denoise", "filter_time", self.filter_time, low=0, high=1e18, unit="us")

    def start(self) -> Runner:
        """Remembers the last time of each pixel."""
        span = int(np.ceil(self.filter_time))
        return _remembering(
            "Denoise", _NEVER, lambda memory, e, keep: _near(memory, e.x, e.y, e.t, span, keep)
        )


@dataclass(frozen=True)
class Decimation(Operation):
    """Keep every ``n``-th event of each pixel."""

    n: int

    def __post_init__(self) -> None:
        integer("Decimation", "n", self.n, low=1, high=1 << 61)

    def start(self) -> Runner:
        """Counts the events of each pixel."""
        return _remembering(
            "Decimation", 0, lambda memory, e, keep: _every(memory, e.x, e.y, self.n, keep)
        )


@dataclass(frozen=True)
class RateControl(Operation):
    """Keep at most ``max_rate`` events per second, over the whole sensor.

    A bucket is filled with ``max_rate`` tokens per second up to those of ``time_window`` us,
    and each event that is kept takes one: bursts shorter than that pass whole.
    """

    max_rate: float
    time_window: int = 1000

    def __post_init__(self) -> None:
        number("RateControl", "max_rate", self.max_rate, above=0, high=1e12, unit="events/s")
        integer("RateControl", "time_window", self.time_window, low=1, high=1 << 40)

    def start(self) -> Runner:
        """Remembers the tokens and the time."""
        state = np.array([max(self.max_rate * self.time_window / 1e6, 1.0), float(_NEVER)])
        most, per_us = state[0], self.max_rate / 1e6

        def run(events: Events) -> Events:
            keep = np.empty(len(events), np.uint8)
            _rationed(state, events.t, most, per_us, keep)
            return events.keep(keep.view(bool))

        return run


@dataclass(frozen=True)
class DropPixel(Operation):
    """Drop the events of some pixels: given ones, or those that are too active.

    Parameters
    ----------
    coordinates : list of (x, y), optional
    hot_pixel_frequency : float, optional
        Pixels with more events per second, over the whole recording, are dropped. A lazy
        recording is run through once to find them.
    """

    coordinates: Any = None
    hot_pixel_frequency: float | None = None

    def __post_init__(self) -> None:
        if (self.coordinates is None) == (self.hot_pixel_frequency is None):
            raise ParameterError(
                "DropPixel: one of coordinates and hot_pixel_frequency must be given, got "
                f"{'neither' if self.coordinates is None else 'both'}"
            )
        if self.coordinates is not None:
            try:
                pairs = tuple((int(x), int(y)) for x, y in self.coordinates)
            except (TypeError, ValueError):
                raise ParameterError(
                    f"DropPixel.coordinates must be pairs (x, y), got {self.coordinates!r}"
                ) from None
            object.__setattr__(self, "coordinates", pairs)
        else:
            number("DropPixel", "hot_pixel_frequency", self.hot_pixel_frequency, low=0, unit="Hz")

    def fitted(self, recording: Recording) -> "DropPixel":
        """Hot pixels are those of the whole recording."""
        return self if self.hot_pixel_frequency is None else DropPixel(self._hot(recording))

    def apply(self, events: Events) -> Events:
        width, height = events.sensor_size
        dead = np.zeros((height, width), bool)
        for x, y in self.coordinates if self.coordinates is not None else self._hot(events):
            if 0 <= x < width and 0 <= y < height:
                dead[y, x] = True
        return events.keep(~dead[events.y, events.x])

    def _hot(self, events: Events | Recording) -> list[tuple[int, int]]:
        most = self.hot_pixel_frequency * events.duration_us * 1e-6
        rows, columns = np.nonzero(events.counts().sum(axis=0) > most)
        return list(zip(columns.tolist(), rows.tolist(), strict=True))


@kernel
def _rested(memory, x, y, t, delta, keep):
    for i in range(len(t)):
        keep[i] = t[i] - memory[y[i], x[i]] > delta
        memory[y[i], x[i]] = t[i]


@kernel
def _near(memory, x, y, t, span, keep):
    height, width = memory.shape
    for i in range(len(t)):
        column, row = np.int64(x[i]), np.int64(y[i])
        earliest = t[i] - span
        near = column > 0 and memory[row, column - 1] > earliest
        near = near or (column < width - 1 and memory[row, column + 1] > earliest)
        near = near or (row > 0 and memory[row - 1, column] > earliest)
        keep[i] = near or (row < height - 1 and memory[row + 1, column] > earliest)
        memory[row, column] = t[i]


@kernel
def _every(memory, x, y, n, keep):
    for i in range(len(x)):
        seen = memory[y[i], x[i]] + 1
        keep[i] = seen >= n
        memory[y[i], x[i]] = 0 if seen >= n else seen


@kernel
def _rationed(state, t, most, per_us, keep):
    tokens, last = state[0], state[1]
    for i in range(len(t)):
        if t[i] > last:
            tokens = min(most, tokens + (t[i] - last) * per_us)
            last = t[i]
        keep[i] = tokens >= 1.0
        if tokens >= 1.0:
            tokens -= 1.0
    state[0], state[1] = tokens, last
