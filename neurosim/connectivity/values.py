"""What is the weight, or the delay, of this synapse? By its id, in any order."""

from typing import Any

import numpy as np

from .distributions import Distribution
from .edges import BLOCK


class Values:
    """Weights or delays of one projection.

    Parameters
    ----------
    value : float, array (n,) or Distribution
    key : uint64                what a distribution draws from
    n : int                     number of synapses

    Attributes
    ----------
    same : float or None        the value of all synapses, where it is known to be one

    Examples
    --------
    >>> Values(np.array([0.5, 2.0, 1.0]), np.uint64(1), 3).at(np.array([2, 0])).tolist()
    [1.0, 0.5]
    """

    def __init__(self, value: Any, key: np.uint64, n: int) -> None:
        self._value, self._key, self._n = value, key, n
        self.same = self._common()

    def _common(self) -> float | None:
        if self._n == 0:
            return 0.0
        if isinstance(self._value, Distribution):
            low, high = self._value.typical_range(self._n)
            return float(self._value.draw(self._key, 1)[0]) if low == high else None
        low, high = np.min(self._value), np.max(self._value)
        return float(low) if low == high else None

    def at(self, ids: np.ndarray) -> np.ndarray:
        """The values (float64) of synapses, one each or a single one for all."""
        if self.same is not None:
            return np.full(1, self.same)
        if isinstance(self._value, Distribution):
            return self._value.draw_at(self._key, ids)
        return self._value[ids]

    def expected(self) -> tuple[float, float]:
        """About the least and the greatest value, without drawing."""
        if self.same is not None:
            return self.same, self.same
        if isinstance(self._value, Distribution):
            return self._value.typical_range(self._n)
        return self.bounds()

    def bounds(self, enough: float = -np.inf) -> tuple[float, float]:
        """Least and greatest value; the search may end once a value is <= ``enough``."""
        if self.same is not None:
            return self.same, self.same
        if not isinstance(self._value, Distribution):
            return float(np.min(self._value)), float(np.max(self._value))
        low, high = np.inf, -np.inf
        for first in range(0, self._n, BLOCK):
            part = self.at(np.arange(first, min(self._n, first + BLOCK)))
            low, high = min(low, float(part.min())), max(high, float(part.max()))
            if low <= enough:
                break
        return low, high
