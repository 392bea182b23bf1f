"""What does an encoder return? Spike times and the neurons they belong to."""

import math
from dataclasses import dataclass

import numpy as np

from neurosim.checks import integer, number
from neurosim.errors import ParameterError

from .inputs import real_array

_MOST_NEURONS = (1 << 31) - 1  # ids are int32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Encoded:
    """Input spikes, ready for ``SpikeSource(e.n, times=e.times, ids=e.ids)``.

    Parameters
    ----------
    times : (k,)
        Spike times [ms], ``0 <= t < duration``; sorted here, stably, when they are not ascending.
    ids : (k,)
        Neuron of each spike, row-major index into ``shape``; kept as int32.
    shape : tuple of int
        What the neurons stand for, for instance (P, H, W); ``n`` is its product.
    duration : float
        Length of the presentation [ms]; every spike is earlier, as a run of this length is
        half open.
    payload : (k,), optional
        What each spike carries, for ``SpikeSource(e.n, graded=True)``.

    Examples
    --------
    >>> e = Encoded(times=[2.0, 1.0], ids=[3, 0], shape=(2, 2), duration=5.0)
    >>> e
    Encoded(2 spikes of 4 neurons (2, 2) in 5 ms)
    >>> e.times, e.ids
    (array([1., 2.]), array([0, 3], dtype=int32))
    """

    times: np.ndarray
    ids: np.ndarray
    shape: tuple[int, ...]
    duration: float
    payload: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = self._checked_shape()
        n = math.prod(shape)
        duration = number("Encoded", "duration", self.duration, low=0, unit="ms")
        times = real_array("Encoded", "times", self.times, low=0, unit="ms")
        if times.size and times.max() >= duration:
            raise ParameterError(
                f"Encoded.times must be >= 0 and < duration = {duration:g} ms, got "
                f"{float(times.max())!r}; drop what comes later, or lengthen the presentation"
            )
        ids = np.asarray(self.ids)
        if times.ndim != 1 or ids.shape != times.shape:
            raise ParameterError(
                f"Encoded.ids must have shape {times.shape}, one per time, got {ids.shape}"
            )
        if len(ids) and (ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= n):
            raise ParameterError(
                f"Encoded.ids must be integers in 0..{n - 1} for shape {shape}, got "
                f"{ids.min()}..{ids.max()} of {ids.dtype}"
            )
        payload = self.payload
        if payload is not None:
            payload = real_array("Encoded", "payload", payload)
            if payload.shape != times.shape:
                raise ParameterError(
                    f"Encoded.payload must have shape {times.shape}, one per time, got "
                    f"{payload.shape}"
                )
        if np.any(times[1:] < times[:-1]):
            order = np.argsort(times, kind="stable")
            times, ids = times[order], ids[order]
            payload = None if payload is None else payload[order]
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "ids", ids.astype(np.int32))
        object.__setattr__(self, "payload", payload)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "duration", duration)

    def _checked_shape(self) -> tuple[int, ...]:
        try:
            sides = tuple(self.shape)
        except TypeError:
            sides = ()
        shape = tuple(integer("Encoded", "shape", side, low=1) for side in sides)
        if not shape or math.prod(shape) > _MOST_NEURONS:
            raise ParameterError(
                "Encoded.shape must be one or more numbers of neurons, below 2**31 in all, got "
                f"{self.shape!r}"
            )
        return shape

    @property
    def n(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return (
            f"Encoded({len(self):,} spikes of {self.n:,} neurons {self.shape} in "
            f"{self.duration:g} ms)"
        )

    def counts(self) -> np.ndarray:
        """Spikes per neuron, int64 of shape ``shape``."""
        return np.bincount(self.ids, minlength=self.n).reshape(self.shape)
