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


def key_of_sample(sample: int, seed: int, *names: str) -> np.uint64:
    """The key of an object in sample ``sample`` of a batch; in sample 0 the usual one."""
    return key_of(seed, *names, *([str(sample)] if sample else []))


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


def _ziggurat() -> tuple[np.ndarray, np.ndarray]:
    """(right ends of the layers (257,), bell at these places (257,)), from wide to narrow.

    Entry 0 stands for the lowest layer with its tail: the width that its area would have.
    """
    bell = math.exp(-0.5 * _TAIL * _TAIL)
    area = _TAIL * bell + math.sqrt(math.pi / 2.0) * math.erfc(_TAIL / math.sqrt(2.0))
    x = [area / bell, _TAIL]
    while len(x) < _LAYERS:
        height = area / x[-1] + math.exp(-0.5 * x[-1] ** 2)
        x.append(math.sqrt(-2.0 * math.log(height)))
    x.append(0.0)
    return np.array(x), np.exp(-0.5 * np.array(x) ** 2)


_LAYERS = 256
_TAIL = 3.654152885361009  # where the lowest layer ends: the top one then closes at height 1
_MOST_EXTRA = 64  # numbers that one draw may use beyond its word
_LAYER, _SIGN = np.uint64(_LAYERS - 1), np.uint64(_LAYERS)
_ENDS, _BELL = _ziggurat()
_WIDTH = _ENDS * 2.0**-53  # of the least place in a layer


@kernel
def _tail(key, i, extra):
    """A number of the bell beyond the layers, by rejection from an exponential."""
    while True:
        x = exponential(key, i, extra) / _TAIL
        if 2.0 * exponential(key, i, extra - 1) > x * x:
            return _TAIL + x
        extra -= 2


@kernel
def _edge(key, i, j, word):
    """`normal` where the word alone does not decide: at a layer's edge, or in the tail."""
    extra = -1 - j * _MOST_EXTRA  # counters of further numbers: no word's, no other pair's
    while True:
        layer = np.int64(word & _LAYER)
        x = np.float64(np.int64(word >> _U11)) * _WIDTH[layer]
        if x < _ENDS[layer + 1]:
            break
        if layer == 0:
            x = _tail(key, i, extra)
            break
        height = _BELL[layer] + uniform(key, i, extra) * (_BELL[layer + 1] - _BELL[layer])
        if height < math.exp(-0.5 * x * x):
            break
        word = bits(key, i, extra - 1)
        extra -= 2
    return x if word & _SIGN else -x


@kernel
def normal(key, i, j):
    """A standard normal number for ``(i, j)``, j >= 0, by the ziggurat.

    The half bell exp(-x^2 / 2) is covered by 256 layers of equal area (Marsaglia and Tsang
    2000, doi 10.18637/jss.v005.i08). One word names a layer, a sign and a place in it: 8, 1
    and 53 bits that do not overlap (as Doornik 2005 asks). In 99 % of the cases that is
    all; else the edge of the layer, or the tail, is decided exactly by further numbers of
    the same counter.
    """
    word = bits(key, i, j)
    layer = np.int64(word & _LAYER)
    x = np.float64(np.int64(word >> _U11)) * _WIDTH[layer]
    if x < _ENDS[layer + 1]:
        return x if word & _SIGN else -x
    return _edge(key, i, j, word)


@kernel
def below(key, i, j, n):
    """An integer in [0, n) for ``(i, j)``; the bias is below n / 2^53."""
    return np.int64(uniform(key, i, j) * n)
