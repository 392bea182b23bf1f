"""How do Poisson inputs reach the buffers? By a table of counts, exact in the tails.

A 64-bit random word serves four neurons. Sixteen bits choose a cell of a table of
counts; where a cell holds a boundary of the distribution, further bits decide, so
that probabilities are exact to 2^-53 and not to 2^-16.
"""

import math

import numpy as np

from .._jit import UINT8, address, kernel, view
from ..errors import BuildError
from ..models.stimuli import PoissonInput
from ..network import Network
from ..random import bits, key_of, uniform

# Columns of the integer and of the real table of stimuli.
TARGET, START, SIZE, KEY, TABLE, RATES = range(6)
COLUMNS = 6
WEIGHT, MEAN = range(2)

_UNDECIDED = 255
_CELLS = 65536
_LARGEST_MEAN = 100.0
_MASK, _SHIFT = np.uint64(_CELLS - 1), np.uint64(16)
_FLOAT64 = np.empty(0)


@kernel
def _count(u, mean):
    """The Poisson count at the quantile ``u``: the smallest k with P(count <= k) > u."""
    p = math.exp(-mean)
    total = p
    k = 0
    while u >= total and k < 400:
        k += 1
        p *= mean / k
        total += p
    return k


def count_table(mean: float) -> np.ndarray:
    """Counts by cell (uint8); 255 where the cell holds a boundary."""
    edges = np.arange(_CELLS + 1) / _CELLS
    counts = np.array([0] * (_CELLS + 1))
    p = total = math.exp(-mean)
    k = 0
    while total < 1.0 - 2.0**-17 and k < 250:
        counts[edges >= total] = k + 1
        k += 1
        p *= mean / k
        total += p
    table = counts[:-1].astype(np.uint8)
    table[(counts[:-1] != counts[1:]) | (edges[1:] >= total)] = _UNDECIDED
    return table


@kernel
def _add_by_table(key, step, lo, hi, table, mean, weight, inputs):
    """Add the arrivals of one step; ``inputs`` belongs to the whole population."""
    for block in range(lo // 4, (hi + 3) // 4):
        word = bits(key, step, block)
        for k in range(4):
            i = 4 * block + k
            cell = word & _MASK
            word = word >> _SHIFT
            if lo <= i < hi:
                count = np.int64(table[cell])
                if count == _UNDECIDED:
                    inside = uniform(key, -1 - step, i)  # further bits for this neuron
                    count = _count((np.float64(cell) + inside) / _CELLS, mean)
                if count > 0:
                    inputs[i] += weight * count


@kernel
def _add_by_rate(key, step, lo, hi, means, weight, inputs):
    """The same with a mean of its own for each neuron."""
    for i in range(lo, hi):
        count = _count(uniform(key, step, i), means[i])
        if count > 0:
            inputs[i] += weight * count


@kernel
def add_noise(stimuli, strengths, p, step, lo, hi, inputs):
    """Add all Poisson inputs of population ``p`` at one step, for neurons lo..hi."""
    for s in range(stimuli.shape[0]):
        row = stimuli[s]
        if row[TARGET] != p:
            continue
        mine = inputs[row[START] : row[START] + row[SIZE]]
        key = np.uint64(row[KEY])
        weight = strengths[s, WEIGHT]
        if row[RATES] == 0:
            table = view(row[TABLE], _CELLS, UINT8)
            _add_by_table(key, step, lo, hi, table, strengths[s, MEAN], weight, mine)
        else:
            means = view(row[RATES], row[SIZE], _FLOAT64)
            _add_by_rate(key, step, lo, hi, means, weight, mine)


class BuiltStimuli:
    """Tables of all stimuli of a network."""

    def __init__(self, network: Network, dt: float, input_start: list[int]) -> None:
        index = {name: k for k, name in enumerate(network.populations)}
        rows, strengths, self._keep = [], [], []
        for stimulus in network.stimuli.values():
            population, kind = stimulus.population, stimulus.kind
            p, n = index[population.name], population.n
            means = _means(stimulus.name, kind, dt)
            start = input_start[p] + stimulus.port * n
            key = int(key_of(network.seed, stimulus.name, "poisson input").astype(np.int64))
            if np.ndim(means):
                self._keep.append(means)
                rows.append([p, start, n, key, 0, address(means)])
                strengths.append([kind.weight, 0.0])
            else:
                table = count_table(float(means))
                self._keep.append(table)
                rows.append([p, start, n, key, address(table), 0])
                strengths.append([kind.weight, float(means)])
        self.rows = np.array(rows, np.int64).reshape(-1, COLUMNS)
        self.strengths = np.array(strengths, np.float64).reshape(-1, 2)


def _means(name: str, kind: PoissonInput, dt: float) -> np.ndarray:
    means = np.asarray(kind.rate, np.float64) * dt / 1000.0
    worst = float(means.max())
    if worst > _LARGEST_MEAN:
        raise BuildError(
            f"Stimulus {name!r}.rate must give at most {_LARGEST_MEAN:g} arrivals per step, got "
            f"{worst:g} at dt = {dt:g}; take a smaller dt, or fewer, stronger arrivals"
        )
    return means
