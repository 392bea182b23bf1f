"""How does a still image become spikes? By rate, or by the time to the first spike."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.checks import choice, integer, number
from neurosim.errors import ParameterError

from .encoded import Encoded
from .inputs import MAX_SPIKES, unit_values


@dataclass(frozen=True, slots=True, kw_only=True)
class RateEncoder:
    """Brighter pixels fire more often.

    A pixel of value v in [0, 1] fires at ``rate = rate_min + v (rate_max - rate_min)``.

    Parameters
    ----------
    rate_max, rate_min : float
        Rates [Hz] of values 1 and 0.
    duration : float
        Length of the presentation [ms].
    mode : {"poisson", "regular"}
        ``poisson``: independent spikes, their number Poisson distributed with mean
        ``rate duration``. ``regular``: evenly spaced, spike k at ``(k + 1/2) / rate``,
        as many as fall before ``duration``.
    seed : int
        Same seed and values, same spikes.

    Raises
    ------
    ParameterError
        For a parameter out of range, values outside [0, 1], or more than 2**26 spikes to
        be expected.

    Examples
    --------
    >>> encode = RateEncoder(rate_max=100.0, duration=50.0, mode="regular")
    >>> encode([[0.0, 1.0]]).times
    array([ 5., 15., 25., 35., 45.])
    """

    rate_max: float = 100.0
    rate_min: float = 0.0
    duration: float = 100.0
    mode: str = "poisson"
    seed: int = 0

    def __post_init__(self) -> None:
        low = number("RateEncoder", "rate_min", self.rate_min, low=0, unit="Hz")
        number("RateEncoder", "rate_max", self.rate_max, low=low, unit="Hz")
        number("RateEncoder", "duration", self.duration, above=0, unit="ms")
        choice("RateEncoder", "mode", self.mode, ("poisson", "regular"))
        integer("RateEncoder", "seed", self.seed, low=0)

    def __call__(self, values: Any, *, seed: int | None = None) -> Encoded:
        """Encode ``values`` of any shape; ``seed`` replaces the encoder's own."""
        values = unit_values("RateEncoder", values)
        seed = self.seed if seed is None else integer("RateEncoder", "seed", seed, low=0)
        rates = self.rate_min + values.ravel() * (self.rate_max - self.rate_min)
        per_ms = rates / 1000.0
        with np.errstate(over="ignore"):
            expected = float(np.sum(rates)) / 1000.0 * self.duration
        if expected > MAX_SPIKES:
            raise ParameterError(
                f"RateEncoder.rate_max and duration must give at most {MAX_SPIKES:,} spikes in a "
                f"call, got {expected:.3g} to be expected; lower one of them, or encode in parts"
            )
        if self.mode == "regular":
            counts = np.maximum(np.ceil(per_ms * self.duration - 0.5), 0).astype(np.int64)
            ids = np.repeat(np.arange(len(rates)), counts)
            first = np.cumsum(counts) - counts
            times = (np.arange(len(ids)) - first[ids] + 0.5) / per_ms[ids]
        else:
            rng = np.random.default_rng(seed)
            counts = rng.poisson(per_ms * self.duration)
            ids = np.repeat(np.arange(len(rates)), counts)
            times = rng.uniform(0.0, self.duration, len(ids))
        keep = times < self.duration  # rounding may reach the end
        return Encoded(times=times[keep], ids=ids[keep], shape=values.shape, duration=self.duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyEncoder:
    """Brighter pixels fire earlier; every pixel fires at most once.

    ``linear``: ``t = (1 - v) t_max`` for v > threshold.

    ``log``: ``t = tau ln(v / (v - threshold))`` for v > threshold, the time at which a
    leaky membrane that charges towards v with time constant tau reaches ``threshold``.

    The presentation is half open: a spike that would come at ``t_max`` or later is silence.

    Parameters
    ----------
    t_max : float
        Length of the presentation [ms]; every spike is earlier.
    curve : {"linear", "log"}
    threshold : float
        Values up to it stay silent; in [0, 1), and > 0 for ``log``.
    tau : float
        Time constant of ``log`` [ms].

    Raises
    ------
    ParameterError
        For a parameter out of range, or values outside [0, 1].

    Examples
    --------
    >>> LatencyEncoder(t_max=10.0)([0.0, 0.25, 1.0]).times
    array([0. , 7.5])
    >>> LatencyEncoder(t_max=10.0, curve="log", threshold=0.5, tau=1.0)([0.75]).times.round(4)
    array([1.0986])
    """

    t_max: float = 100.0
    curve: str = "linear"
    threshold: float = 0.0
    tau: float = 20.0

    def __post_init__(self) -> None:
        number("LatencyEncoder", "t_max", self.t_max, above=0, unit="ms")
        number("LatencyEncoder", "tau", self.tau, above=0, unit="ms")
        choice("LatencyEncoder", "curve", self.curve, ("linear", "log"))
        threshold = number("LatencyEncoder", "threshold", self.threshold, low=0, high=1)
        if threshold == 1 or (threshold == 0 and self.curve == "log"):
            raise ParameterError(
                "LatencyEncoder.threshold must be < 1, and > 0 with curve='log', got "
                f"{threshold!r} with curve={self.curve!r}"
            )

    def __call__(self, values: Any) -> Encoded:
        """Encode ``values`` of any shape."""
        values = unit_values("LatencyEncoder", values)
        flat = values.ravel()
        ids = np.flatnonzero(flat > self.threshold)
        v = flat[ids]
        if self.curve == "linear":
            times = (1.0 - v) * self.t_max
        else:
            times = self.tau * np.log(v / (v - self.threshold))
        keep = times < self.t_max
        return Encoded(times=times[keep], ids=ids[keep], shape=values.shape, duration=self.t_max)
