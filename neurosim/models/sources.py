"""What drives a network from outside? Sources of spikes, in continuous time.

Spike times of a source are real numbers that do not depend on the engine's grid; the
clock engine rounds them with the one rounding function.
"""

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .base import per_neuron, shape_of
from .schedule import Schedule, scheduled


@dataclass(frozen=True, eq=False)
class Source:
    """Base of the populations that have no state and no input."""

    n: Any
    shape: tuple[int, ...] = field(init=False, repr=False)
    is_source = True

    def _set_shape(self, owner: str) -> None:
        shape = shape_of(owner, self.n)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "n", prod(shape))


@dataclass(frozen=True, eq=False)
class PoissonSource(Source):
    """``n`` independent Poisson processes, of constant or changing rate.

    Between two spikes the integral of the rate grows by an exponential number of mean 1;
    the k-th such number of process i is a pure function of (seed, name, i, k). So intervals at
    a constant rate are exponential with mean 1000 / rate ms, changes of the rate act at their
    exact times, and a schedule that changes nothing changes no spike. In a ``time="steps"``
    network one step counts as 1 ms.

    Parameters
    ----------
    n : int or tuple of int
        Number of processes, or the shape of the population.
    rate : float, array (n,) or Schedule
        Rate [Hz], >= 0.

    Examples
    --------
    >>> PoissonSource(800, rate=20.0)
    PoissonSource(n=800, rate=20.0)
    >>> PoissonSource(800, rate=Schedule(times=[0, 100, 300], values=[5, 50, 5]))
    PoissonSource(n=800, rate=Schedule(3 values from 0 to 300))
    """

    rate: Any = field(kw_only=True)

    def __post_init__(self) -> None:
        self._set_shape("PoissonSource")
        rule = {"low": 0, "unit": "Hz"}
        if isinstance(self.rate, Schedule):
            rate = scheduled("PoissonSource", "rate", self.rate, self.n, **rule)
        else:
            rate = per_neuron("PoissonSource", "rate", self.rate, self.shape, **rule)
        object.__setattr__(self, "rate", rate)


@dataclass(frozen=True, eq=False, repr=False)
class SpikeSource(Source):
    """``n`` channels that spike at given times.

    Parameters
    ----------
    n : int or tuple of int
        Number of channels, or the shape of the population.
    times : array (k,)
        Spike times [ms] (or steps), >= 0, in any order; a channel may spike twice at once.
    ids : array (k,)
        Channel of each spike, 0 <= id < n. A multi-dimensional shape is counted in C order.
    payloads : array (k,), optional
        What each spike carries: the weights that it meets are multiplied by it.
    graded : bool, optional
        Do spikes carry payloads, those given later included? Default: where ``payloads`` are
        given. A spike of a graded source that comes without one carries 1.

    Examples
    --------
    >>> SpikeSource(2, times=[1.0, 3.0], ids=[0, 1])
    SpikeSource(n=2, 2 spikes)
    >>> SpikeSource(2, times=[1.0, 3.0], ids=[0, 1], payloads=[0.5, -2.0])
    SpikeSource(n=2, 2 graded spikes)
    """

    times: Any = ()
    ids: Any = ()
    payloads: Any = None
    graded: bool | None = None

    def __post_init__(self) -> None:
        owner = "SpikeSource"
        self._set_shape(owner)
        graded = self.payloads is not None if self.graded is None else self.graded
        if not isinstance(graded, (bool, np.bool_)):
            raise ParameterError(f"{owner}.graded must be True or False, got {graded!r}")
        arrays = spike_arrays(
            owner, self.times, self.ids, self.n, payloads=self.payloads, graded=bool(graded)
        )
        for name, array in zip(("times", "ids", "payloads"), (*arrays, None), strict=False):
            object.__setattr__(self, name, array)
        object.__setattr__(self, "graded", bool(graded))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """(times, ids), and the payloads of a graded source."""
        return (self.times, self.ids, *([self.payloads] if self.graded else []))

    def __repr__(self) -> str:
        return f"SpikeSource(n={self.n}, {len(self.times)} {'graded ' * self.graded}spikes)"


def payload_array(owner: str, payloads: Any, n: int, graded: bool) -> np.ndarray:
    """Checked payloads of ``n`` spikes, float64; None stands for ones.

    Raises
    ------
    ParameterError
    """
    if payloads is None:
        return np.ones(n)
    if not graded:
        raise ParameterError(
            f"{owner}: spikes of a plain source must come without payloads; make it "
            "SpikeSource(n, graded=True)"
        )
    return checks.array(owner, "payloads", payloads, shape=(n,))


def spike_arrays(
    owner: str, times: Any, ids: Any, n: int, *, payloads: Any = None, graded: bool = False
) -> tuple[np.ndarray, ...]:
    """Checked (times float64, ids int32), and payloads of graded ones, sorted by time and channel.

    Raises
    ------
    ParameterError
    """
    times = checks.array(owner, "times", times, low=0, unit="ms")
    ids = np.asarray(ids)
    if ids.size == 0:
        ids = ids.astype(np.int64)
    if times.ndim != 1 or ids.shape != times.shape or ids.dtype.kind not in "iu":
        raise ParameterError(
            f"{owner}.ids must be integers, one per time, got shape {ids.shape} of "
            f"{ids.dtype} for {times.size} times"
        )
    if ids.size and not (ids.min() >= 0 and ids.max() < n):
        bad = int(ids[(ids < 0) | (ids >= n)][0])
        raise ParameterError(f"{owner}.ids must be in 0..{n - 1}, got {bad}")
    carried = payload_array(owner, payloads, times.size, graded)
    later = np.diff(times)
    if np.any(later < 0) or np.any((later == 0) & (np.diff(ids) < 0)):
        order = np.lexsort((ids, times))
        times, ids, carried = times[order], ids[order], carried[order]
    return (times, ids.astype(np.int32), *([carried] if graded else []))
