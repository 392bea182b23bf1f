"""How wrong may an estimate be? Draws of the constants, correlated by groups.

A constant is log-normal: its ``low`` and ``high`` are the 5 and 95 % points, with its value
between them (two half-widths, where they are not symmetric). The constants of one group come
from one table of one paper and are wrong together: they share one draw. Groups are independent::

    c = value exp(z s),  s = ln(high / value) / z_95 for z > 0, ln(value / low) / z_95 below

The band of an estimate runs from the 5 to the 95 % point of its draws, never beyond all
constants at their ends. Draws are stratified and keyed by the name of the group, so an
estimate is the same in every run, and with one group its band is that group at its ends.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from neurosim.units import format_quantity

from .chip import Constant

# With this many strata the 5 and 95 % points fall on draws exactly.
N_DRAWS = 1010
_LOW, _HIGH = 0.05, 0.95
_Z_HIGH = float(ndtri(_HIGH))
# The half-width of a constant that may be free of charge: a factor of a thousand.
_FREE = float(np.log(1e3))


@dataclass(frozen=True, slots=True)
class Band:
    """A number with its band."""

    low: float
    nominal: float
    high: float

    def __iter__(self):
        return iter((self.low, self.nominal, self.high))

    def scaled(self, factor: float) -> "Band":
        """All three numbers times ``factor``."""
        return Band(self.low * factor, self.nominal * factor, self.high * factor)

    def text(self, unit: str) -> str:
        """For people.

        >>> Band(1e-9, 2e-9, 5e-9).text("J")
        '2 nJ (1 nJ .. 5 nJ)'
        """
        low, nominal, high = (format_quantity(value, unit) for value in self)
        return nominal if low == high else f"{nominal} ({low} .. {high})"


Draws = dict[str, np.ndarray]


@lru_cache(maxsize=256)
def standard_normal(group: str) -> np.ndarray:
    """The draws of a group: float64[N_DRAWS], one from the middle of each stratum.

    >>> float(abs(standard_normal("a").mean()).round(9)), standard_normal("a").size
    (0.0, 1010)
    """
    strata = ndtri((np.arange(N_DRAWS) + 0.5) / N_DRAWS)
    shuffled = np.random.default_rng(zlib.crc32(group.encode())).permutation(strata)
    shuffled.setflags(write=False)
    return shuffled


def read_value(constant: Constant) -> float:
    """The nominal value."""
    return constant.value


def read_draws(constant: Constant, known: Draws) -> np.ndarray | float:
    """The draws of a constant, kept in ``known``; one number where it has no band."""
    if constant.low == constant.high:
        return constant.value
    if constant.path not in known:
        z = standard_normal(constant.group)
        up = np.log(constant.high / constant.value) if constant.value else 0.0
        down = np.log(constant.value / constant.low) if constant.low else _FREE
        known[constant.path] = constant.value * np.exp(z * np.where(z > 0, up, down) / _Z_HIGH)
    return known[constant.path]


def band(nominal: float, draws: np.ndarray | float, least: float, most: float) -> Band:
    """The band of drawn numbers, between those with all constants at their ends."""
    low, high = np.quantile(np.atleast_1d(draws), [_LOW, _HIGH], method="hazen")
    low, high = max(float(low), least), min(float(high), most)
    # A deliberate zero has no logarithm: its high end bounds it.
    high = most if nominal == 0 else high
    return Band(min(low, nominal), nominal, max(high, nominal))
