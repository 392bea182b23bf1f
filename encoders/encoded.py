"""What does an encoder return? Spike times and the neurons they belong to."""

from dataclasses import dataclass

import numpy as np

from neurosim.checks import array, integer, number
from neurosim.errors import ParameterError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Encoded:
    """Input spikes, ready for ``SpikeSource(e.n, times=e.times, ids=e.ids)``.

    Parameters
    ----------
    times : (k,)
        Spike times [ms] >= 0; sorted here, stably, when they are not ascending.
    ids : (k,)
        Neuron of each spike, row-major index into ``shape``; kept as int32.
    shape : tuple of int
        What the neurons stand for, for instance (P, H, W); ``n`` is its product.
    duration : float
        Length of the presentation [ms]; no spike is later.

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

    def __post_init__(self) -> None:
        shape = tuple(integer("Encoded", "shape", side, low=1) for side in self.shape)
        n = int(np.prod(shape))
        duration = number("Encoded", "duration", self.duration, low=0, unit="ms")
        times = array("Encoded", "times", self.times, low=0, high=duration, unit="ms")
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
        if np.any(times[1:] < times[:-1]):
            order = np.argsort(times, kind="stable")
            times, ids = times[order], ids[order]
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "ids", ids.astype(np.int32))
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "duration", duration)

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))

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
