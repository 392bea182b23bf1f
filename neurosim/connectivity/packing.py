"""How do a target and its weight fit into one word of 32 bits? And what does it cost?

A cell is ``place - base`` in the low bits and a signed integer above; the weight is that
integer times a scale, a power of two. So the sum of arrivals rounds as that of any weights
does, and the weights themselves are those of the description up to half a scale.
"""

import math
from dataclasses import dataclass

import numpy as np

from .._jit import kernel

FEWEST_WEIGHT_BITS = 10  # 0.2 % of the largest weight at worst
# Integers of more bits would not all be numbers of the dtype.
_MOST_WEIGHT_BITS = {"float32": 25, "float64": 31, "int32": 31}
_LEAST_SCALE = 2.0**-126  # smaller float32 numbers are denormal: slow, or flushed to zero


@dataclass(frozen=True, slots=True)
class Packing:
    """The layout of the cells of a store.

    Attributes
    ----------
    bits : int          of the place, from the low end
    base : int          the place that 0 stands for
    scale : float       the weight that 1 stands for, a power of two
    """

    bits: int
    base: int
    scale: float

    def cells(self, places: np.ndarray, weights: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Cells (uint32) of places (uint32) and weights (float64, one each or one for all).

        ``errors[0]`` becomes the largest change of a weight so far.
        """
        out = np.empty(places.size, np.uint32)
        _pack(places, weights, self.bits, self.base, self.scale, out, errors)
        return out


def packing(low: int, high: int, largest: float, real: str) -> Packing | None:
    """The layout for places ``low <= place < high`` and weights up to ``largest``, or None.

    The scale is the smallest power of two with which the largest weight fits. None is for
    places so many that fewer than 10 bits would be left for the weight.

    Examples
    --------
    >>> packing(0, 77_169, 0.35, "float32")
    Packing(bits=17, base=0, scale=3.0517578125e-05)
    >>> packing(0, 5_000_000, 0.35, "float32")
    """
    bits = max((high - low - 1).bit_length(), 32 - _MOST_WEIGHT_BITS[real], 1)
    if 32 - bits < FEWEST_WEIGHT_BITS or not math.isfinite(largest):
        return None
    limit = 2 ** (31 - bits) - 1
    least = 1.0 if real == "int32" else _LEAST_SCALE
    scale = least
    if largest > 0:
        scale = max(least, 2.0 ** (math.frexp(largest / limit)[1] - 1))
        while round(largest / scale) > limit:
            scale *= 2.0
    return Packing(bits, low, scale)


@kernel
def _pack(places, weights, bits, base, scale, out, errors):
    worst = errors[0]
    many = weights.size > 1
    for k in range(places.size):
        weight = weights[k if many else 0]
        whole = np.rint(weight / scale)
        worst = max(worst, abs(weight - whole * scale))
        out[k] = np.uint32((np.int64(whole) << bits | (np.int64(places[k]) - base)) & 0xFFFFFFFF)
    errors[0] = worst
