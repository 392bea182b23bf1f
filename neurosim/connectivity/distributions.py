"""From what distribution are weights and delays drawn? Distributions as objects.

``draw(key, n)`` is a pure function: element ``i`` depends on ``(key, i)`` alone, so a
longer draw starts with the shorter one, and no draw disturbs another. ``draw_at(key, ids)``
gives any of these numbers, in any order.
"""

import math
from dataclasses import dataclass

import numpy as np

from .. import checks
from .._jit import kernel
from ..errors import ParameterError
from ..random import normal, uniform

_TRIES = 1000  # redraws of a clipped normal before the clip itself is taken
_LARGEST = 709.0  # its exponential is a float
_MANY = 65_536  # numbers that are drawn at a time, so that their ids take little memory


@kernel
def _fill_uniform(key, ids, low, high, out):
    n = out.size
    first = ids[0] if n else 0
    gaps = 0
    for k in range(n):
        gaps |= ids[k] - k ^ first
    if gaps == 0:  # ids in a row: four times as fast
        for k in range(n):
            out[k] = low + (high - low) * uniform(key, first + k, 0)
    else:
        for k in range(n):
            out[k] = low + (high - low) * uniform(key, ids[k], 0)


@kernel
def _fill_normal(key, ids, mean, std, low, high, out):
    for k in range(out.size):
        i = ids[k]
        value = mean + std * normal(key, i, 0)
        j = 1
        while (value < low or value > high) and j < _TRIES:
            value = mean + std * normal(key, i, j)
            j += 1
        out[k] = min(max(value, low), high)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Base of the distributions that `Network.connect` and initial states accept."""

    def fill(self, key: np.uint64, ids: np.ndarray, out: np.ndarray) -> None:
        """Write the numbers with these indices (int64) to ``out``."""
        raise TypeError(f"{type(self).__name__} does not define fill")

    def draw_at(self, key: np.uint64, ids: np.ndarray) -> np.ndarray:
        """The numbers (float64) with the given indices (int64)."""
        out = np.empty(ids.size)
        self.fill(key, ids, out)
        return out

    def draw(self, key: np.uint64, n: int) -> np.ndarray:
        """Draw ``n`` numbers (float64) that depend on ``key`` and their index alone."""
        out = np.empty(n)
        for first in range(0, n, _MANY):
            part = out[first : first + _MANY]
            self.fill(key, np.arange(first, first + part.size), part)
        return out

    @property
    def low_bound(self) -> float:
        """A number that no draw is below."""
        return -np.inf

    def typical_range(self, n: int) -> tuple[float, float]:
        """About where the least and the greatest of ``n`` draws lie, for estimates."""
        raise TypeError(f"{type(self).__name__} does not define typical_range")


@dataclass(frozen=True, slots=True)
class Uniform(Distribution):
    """Uniform on [low, high).

    Examples
    --------
    >>> Uniform(0.5, 3.0)
    Uniform(low=0.5, high=3.0)
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        checks.number("Uniform", "low", self.low)
        checks.number("Uniform", "high", self.high, low=self.low)

    def fill(self, key: np.uint64, ids: np.ndarray, out: np.ndarray) -> None:
        _fill_uniform(key, ids, float(self.low), float(self.high), out)

    @property
    def low_bound(self) -> float:
        return self.low

    def typical_range(self, n: int) -> tuple[float, float]:
        return float(self.low), float(self.high)


def _extreme(n: int) -> float:
    """About the greatest of ``n`` standard normal numbers."""
    root = math.sqrt(2 * math.log(max(n, 2)))
    return root - (math.log(math.log(max(n, 3))) + math.log(4 * math.pi)) / (2 * root)


def _check_clip(owner: str, low: float, high: float, mean: float, std: float) -> None:
    """Refuse an interval where nearly every draw would be rejected."""
    if not low < high:
        raise ParameterError(f"{owner}.low must be < high, got low={low}, high={high}")
    if std > 0 and max((low - mean) / std, (mean - high) / std) > 3:
        raise ParameterError(
            f"{owner}.low, high must keep the interval within 3 std of the mean, got "
            f"[{low}, {high}] with mean {mean}, std {std}; nearly every draw would be rejected"
        )


@dataclass(frozen=True, slots=True)
class Normal(Distribution):
    """Normal with ``mean`` and ``std``; values outside [low, high] are drawn again.

    Examples
    --------
    >>> Normal(1.5, 0.3, low=0.1).low
    0.1
    """

    mean: float
    std: float
    low: float = -np.inf
    high: float = np.inf

    def __post_init__(self) -> None:
        checks.number("Normal", "mean", self.mean)
        checks.number("Normal", "std", self.std, low=0)
        _check_clip("Normal", self.low, self.high, self.mean, self.std)

    def fill(self, key: np.uint64, ids: np.ndarray, out: np.ndarray) -> None:
        args = (float(self.mean), float(self.std), float(self.low), float(self.high))
        _fill_normal(key, ids, *args, out)

    @property
    def low_bound(self) -> float:
        return self.low

    def typical_range(self, n: int) -> tuple[float, float]:
        reach = max(0.0, _extreme(n)) * self.std
        return max(self.mean - reach, self.low), min(self.mean + reach, self.high)


@dataclass(frozen=True, slots=True)
class LogNormal(Distribution):
    """exp(Normal(mu, sigma)); values outside [low, high] are drawn again.

    ``mu`` and ``sigma`` are those of the logarithm.

    Examples
    --------
    >>> LogNormal(0.0, 0.5).low_bound
    0.0
    >>> bool(LogNormal(0.0, 0.5, high=3.0).draw(np.uint64(1), 1000).max() <= 3.0)
    True
    """

    mu: float
    sigma: float
    low: float = 0.0
    high: float = np.inf

    def __post_init__(self) -> None:
        checks.number("LogNormal", "mu", self.mu)
        checks.number("LogNormal", "sigma", self.sigma, low=0)
        checks.number("LogNormal", "low", self.low, low=0)
        low, high = self._logs()
        _check_clip("LogNormal (logarithm)", low, high, self.mu, self.sigma)

    def _logs(self) -> tuple[float, float]:
        low, high = float(self.low), float(self.high)
        logs = (math.log(x) if x > 0 else -math.inf for x in (low, high))
        return tuple(logs)

    def fill(self, key: np.uint64, ids: np.ndarray, out: np.ndarray) -> None:
        _fill_normal(key, ids, float(self.mu), float(self.sigma), *self._logs(), out)
        with np.errstate(over="ignore"):  # the builder refuses infinite weights by name
            np.exp(out, out=out)
        # exp(log(x)) may be one rounding beyond x
        np.clip(out, self.low, self.high, out=out)

    @property
    def low_bound(self) -> float:
        return self.low

    def typical_range(self, n: int) -> tuple[float, float]:
        reach = max(0.0, _extreme(n)) * self.sigma
        low, high = (math.exp(min(x, _LARGEST)) for x in (self.mu - reach, self.mu + reach))
        return max(low, self.low), min(high, self.high)
