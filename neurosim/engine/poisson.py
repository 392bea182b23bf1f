"""How are Poisson counts drawn at engine speed? By a table of counts, exact in the tails.

A 64-bit random word serves four neurons. Of the 16 bits of each the upper 13 choose a cell
of a table of counts that fits the first-level cache; where the cell holds a boundary of the
distribution, all 16 and further bits decide, so that probabilities are exact to 2^-53. Words
are drawn, looked up and added in blocks, so that no count costs a mispredicted branch.
"""

import math

import numpy as np

from .._jit import INT64, UINT8, UINT64, kernel, view
from ..random import bits, uniform

BLOCK, RATE_BLOCK = 1024, 256  # neurons whose counts are drawn before they are added
LARGEST_MEAN = 100.0
SCRATCH_BYTES = 32  # of working memory per neuron, of which one block is in use
UNDECIDED = 255
TABLE_BITS = 13
TABLE_SIZE = 1 << TABLE_BITS

_SHIFT = np.uint16(16 - TABLE_BITS)
_LARGEST_COUNT = 127  # beyond, the cell is undecided: bit 7 marks those
_MARKS, _NOTHING = np.uint64(0x8080808080808080), np.uint64(0)
_UINT16, _FLOAT64 = np.empty(0, np.uint16), np.empty(0)


def count_table(mean: float) -> np.ndarray:
    """Counts by cell (uint8 (8192,)); 255 where the cell holds a boundary."""
    edges = np.arange(TABLE_SIZE + 1) / TABLE_SIZE
    counts = np.zeros(TABLE_SIZE + 1, np.int64)
    p = total = math.exp(-mean)
    k = 0
    while total < 1.0 - 1.0 / (2 * TABLE_SIZE) and k <= _LARGEST_COUNT:
        counts[edges >= total] = k + 1
        k += 1
        p *= mean / k
        total += p
    table = counts[:-1].astype(np.uint8)
    unknown = (counts[:-1] != counts[1:]) | (edges[1:] >= total) | (counts[:-1] > _LARGEST_COUNT)
    table[unknown] = UNDECIDED
    return table


def undecided_table() -> np.ndarray:
    """A table that decides nothing: the same counts, slowly, for any mean."""
    return np.full(TABLE_SIZE, UNDECIDED, np.uint8)


@kernel
def count_at(u, mean, none):
    """The Poisson count at the quantile ``u``: the smallest k with P(count <= k) > u.

    ``none`` is P(count = 0) = exp(-mean).
    """
    p = none
    total = p
    k = 0
    while u >= total and k < 400:
        k += 1
        p *= mean / k
        total += p
    return k


@kernel
def _look_up(cells, table, counts, marks):
    """Counts of a block; True where some are undecided."""
    for j in range(cells.size):
        counts[j] = table[cells[j] >> _SHIFT]
    seen = _NOTHING
    for k in range(marks.size):
        seen |= marks[k]
    return (seen & _MARKS) != _NOTHING


@kernel
def _decide(key, step, first, cells, counts, marks, mean, none):
    """Replace undecided counts of the neurons from ``first`` on."""
    for k in range(marks.size):
        if marks[k] & _MARKS:
            for j in range(8 * k, min(8 * k + 8, counts.size)):
                if counts[j] == UNDECIDED:
                    inside = uniform(key, -1 - step, first + j)  # further bits for this neuron
                    u = (cells[j] + inside) / 65536.0
                    counts[j] = min(count_at(u, mean, none), 254)


@kernel
def add_by_table(key, step, lo, hi, table, mean, weight, scratch, inputs):
    """Add the arrivals of one step to the inputs of the neurons ``lo..hi``.

    Parameters
    ----------
    table : uint8 (8192,)
    scratch : int           address of SCRATCH_BYTES per neuron of the population
    inputs : real (n,)      of the whole population
    """
    none = math.exp(-mean)
    own = scratch + SCRATCH_BYTES * lo  # parts of a population share nothing
    first, last = lo // 4, (hi + 3) // 4
    while first < last:
        size = min(BLOCK // 4, last - first)
        words = view(own, size, UINT64)
        cells = view(own, 4 * size, _UINT16)
        counts = view(own + 8 * size, 4 * size, UINT8)
        marks = view(own + 8 * size, (size + 1) // 2, UINT64)  # what lies behind does no harm
        for b in range(size):
            words[b] = bits(key, step, first + b)
        if _look_up(cells, table, counts, marks):
            _decide(key, step, 4 * first, cells, counts, marks, mean, none)
        begin = max(lo, 4 * first)
        end = min(hi, 4 * first + 4 * size)
        mine = inputs[begin:end]
        added = counts[begin - 4 * first :]
        for j in range(mine.size):
            mine[j] += weight * added[j]
        first += size


@kernel
def _count_block(u, means, none, p, total, counts):
    """Counts at the quantiles ``u``, one more in each round, until no quantile is left."""
    for j in range(u.size):
        p[j] = total[j] = none[j]
        counts[j] = 0
    k = 0
    while k < 400:
        left = 0
        for j in range(u.size):
            above = np.int64(u[j] >= total[j])
            counts[j] += above
            left += above
        if left == 0:
            return
        k += 1
        share = 1.0 / k
        for j in range(u.size):
            p[j] *= means[j] * share
            total[j] += p[j]


@kernel
def add_by_rate(key, step, lo, hi, means, none, weight, scratch, inputs):
    """The same with a mean of its own for each neuron; ``none`` is exp(-means)."""
    own = scratch + SCRATCH_BYTES * lo
    for begin in range(lo, hi, RATE_BLOCK):
        size = min(RATE_BLOCK, hi - begin)
        u = view(own, size, _FLOAT64)
        p = view(own + 8 * size, size, _FLOAT64)
        total = view(own + 16 * size, size, _FLOAT64)
        counts = view(own + 24 * size, size, INT64)
        for j in range(size):
            u[j] = uniform(key, step, begin + j)
        mine = inputs[begin : begin + size]
        stop = begin + size
        _count_block(u, means[begin:stop], none[begin:stop], p, total, counts)
        for j in range(size):
            mine[j] += weight * counts[j]
