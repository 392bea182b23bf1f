"""Which random number belongs here? Counter-based numbers, keyed by name.

A number is a pure function of ``(key, i, j)``: no hidden state, so it does not depend on
threads, on how a run is cut, or on what else is in the network. ``key`` comes from
the seed and the explicit name of an object (:func:`key_of`).

The mixing function is the finaliser of SplitMix64 (Steele, Lea and Flood 2014,
doi 10.1145/2660193.2660195; constants of Stafford's variant 13), applied once for the
pair (key, i) and once more for j.
"""

import hashlib
import math

import numpy as np

from ._jit import JIT, kernel

_G1 = np.uint64(0x9E3779B97F4A7C15)  # odd constants: 2^64 / golden ratio, and a prime
_G2 = np.uint64(0xD1342543DE82EF95)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_ONE, _U11, _U27, _U30, _U31 = (np.uint64(k) for k in (1, 11, 27, 30, 31))


def key_of(seed: int, *names: str) -> np.uint64:
    """A 64-bit key from a seed and the names of an object.

    >>> bool(key_of(1, "exc") == key_of(1, "exc")), bool(key_of(1, "exc") == key_of(2, "exc"))
    (True, False)
    """
    text = "\0".join([str(seed), *names])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


if JIT:

    @kernel
    def _mix(z):
        z = (z ^ (z >> _U30)) * _M1
        z = (z ^ (z >> _U27)) * _M2
        return z ^ (z >> _U31)

    @kernel
    def bits(key, i, j):
        """64 random bits for the counter pair ``(i, j)`` under ``key`` (uint64)."""
        first = _mix(key + (np.uint64(i) + _ONE) * _G1)
        return _mix(first + (np.uint64(j) + _ONE) * _G2)

else:  # Python integers: numpy warns when scalars wrap around
    _MASK = (1 << 64) - 1

    def _mix(z):
        z = ((z ^ (z >> 30)) * int(_M1)) & _MASK
        z = ((z ^ (z >> 27)) * int(_M2)) & _MASK
        return z ^ (z >> 31)

    def bits(key, i, j):
        """64 random bits for the counter pair ``(i, j)`` under ``key`` (uint64)."""
        first = _mix((int(key) + (int(i) + 1) * int(_G1)) & _MASK)
        return np.uint64(_mix((first + (int(j) + 1) * int(_G2)) & _MASK))


@kernel
def uniform(key, i, j):
    """A float64 in [0, 1) for ``(i, j)``."""
    return np.float64(bits(key, i, j) >> _U11) * 1.1102230246251565e-16  # 2^-53


@kernel
def exponential(key, i, j):
    """A standard exponential number (mean 1) for ``(i, j)``."""
    return -math.log1p(-uniform(key, i, j))


@kernel
def normal(key, i, j):
    """A standard normal number for ``(i, j)``, by Box and Muller's transform."""
    radius = math.sqrt(-2.0 * math.log1p(-uniform(key, i, 2 * j)))
    return radius * math.cos(6.283185307179586 * uniform(key, i, 2 * j + 1))


@kernel
def below(key, i, j, n):
    """An integer in [0, n) for ``(i, j)``; the bias is below n / 2^53."""
    return np.int64(uniform(key, i, j) * n)
