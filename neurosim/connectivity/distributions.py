"""From what distribution are weights and delays drawn? Distributions as objects.

``draw(key, n)`` is a pure function: element ``i`` depends on ``(key, i)`` alone, so a
longer draw starts with the shorter one, and no draw disturbs another.
"""

from dataclasses import dataclass

import numpy as np

from .. import checks
from .._jit import kernel
from ..errors import ParameterError
from ..random import normal, uniform

_TRIES = 1000  # redraws of a clipped normal before the clip itself is taken


@kernel
def _fill_uniform(key, low, high, out):
    for i in range(out.size):
        out[i] = low + (high - low) * uniform(key, i, 0)


@kernel
def _fill_normal(key, mean, std, low, high, out):
    for i in range(out.size):
        value = mean + std * normal(key, i, 0)
        j = 1
        while (value < low or value > high) and j < _TRIES:
            value = mean + std * normal(key, i, j)
            j += 1
        out[i] = min(max(value, low), high)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Base of the distributions that `Network.connect` and initial states accept."""

    def draw(self, key: np.uint64, n: int) -> np.ndarray:
        """Draw ``n`` numbers (float64) that depend on ``key`` and their index alone."""
        raise TypeError(f"{type(self).__name__} does not define draw")

    @property
    def low_bound(self) -> float:
        """A number that no draw is below."""
        return -np.inf


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

    def draw(self, key: np.uint64, n: int) -> np.ndarray:
        out = np.empty(n)
        _fill_uniform(key, float(self.low), float(self.high), out)
        return out

    @property
    def low_bound(self) -> float:
        return self.low


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
        if not self.low < self.high:
            raise ParameterError(f"Normal.low must be < high, got low={self.low}, high={self.high}")
        if self.std > 0:
            reach = max((self.low - self.mean) / self.std, (self.mean - self.high) / self.std)
            if reach > 3:
                raise ParameterError(
                    f"Normal.low, high must keep the interval within 3 std of the mean, got "
                    f"[{self.low}, {self.high}] with mean {self.mean}, std {self.std}; "
                    "nearly every draw would be rejected"
                )

    def draw(self, key: np.uint64, n: int) -> np.ndarray:
        out = np.empty(n)
        args = (float(self.mean), float(self.std), float(self.low), float(self.high))
        _fill_normal(key, *args, out)
        return out

    @property
    def low_bound(self) -> float:
        return self.low


@dataclass(frozen=True, slots=True)
class LogNormal(Distribution):
    """exp(Normal(mu, sigma)): ``mu`` and ``sigma`` are those of the logarithm.

    Examples
    --------
    >>> LogNormal(0.0, 0.5).low_bound
    0.0
    """

    mu: float
    sigma: float

    def __post_init__(self) -> None:
        checks.number("LogNormal", "mu", self.mu)
        checks.number("LogNormal", "sigma", self.sigma, low=0)

    def draw(self, key: np.uint64, n: int) -> np.ndarray:
        out = np.empty(n)
        _fill_normal(key, float(self.mu), float(self.sigma), -np.inf, np.inf, out)
        return np.exp(out)

    @property
    def low_bound(self) -> float:
        return 0.0
