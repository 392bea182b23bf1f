"""How are explicit synapses stored and walked? Rows by source, sorted by delay.

The row of a source is cut into segments of equal delay, so that the arrivals of one step
are *pulled*: for each possible delay d, for each spike emitted d steps ago, one
contiguous segment. All arrivals of a step go into one buffer as long as the targets, and
they are summed in one canonical order (emission step, source, edge id), whatever the
windows, the cuts of a run, or the number of threads. Equal weights are stored once.

A store covers a range of targets, so that a thread owns its targets.
"""

from typing import NamedTuple

import numpy as np

from .._jit import INT32, INT64, kernel, view

# Columns of the integer table through which the engine's kernels see a store.
PRE, POST, PORT, OFFSETS, N_OFFSETS, TARGETS, WEIGHTS, N_WEIGHTS, NNZ, D_MIN, D_MAX = range(11)
COLUMNS = 11

# Columns of the table of spike histories: one row per part of the source population.
IDS, CAPACITY, STARTS = range(3)


class SparseStore(NamedTuple):
    """Frozen synapses onto the targets ``lo <= post < hi``.

    Attributes
    ----------
    offsets : int64 (n_pre * (d_max - d_min + 1) + 1,)   start of each (source, delay) segment
    targets : int32 (k,)
    weights : real (k,), or (1,) when all are equal
    d_min, d_max : int                                    delays in steps
    """

    offsets: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    d_min: int
    d_max: int

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        return self.offsets.nbytes + self.targets.nbytes + self.weights.nbytes


@kernel
def _count(pre, post, steps, bounds, offsets):
    """Histogram of the (source, delay) segments, one place to the right."""
    lo, hi, d_min, span = bounds
    for k in range(pre.size):
        if lo <= post[k] < hi:
            offsets[pre[k] * span + steps[k] - d_min + 1] += 1


@kernel
def _fill(pre, post, steps, weight, bounds, ends, targets, weights):
    """Put each synapse behind the earlier ones of its segment (a stable counting sort)."""
    lo, hi, d_min, span = bounds
    for k in range(pre.size):
        if lo <= post[k] < hi:
            segment = pre[k] * span + steps[k] - d_min
            place = ends[segment]
            ends[segment] = place + 1
            targets[place] = post[k]
            if weights.size > 1:
                weights[place] = weight[k]


def build_sparse(
    pre: np.ndarray,
    post: np.ndarray,
    steps: np.ndarray,
    weight: np.ndarray,
    *,
    n_pre: int,
    targets: tuple[int, int],
    real: str,
) -> SparseStore:
    """Sort synapses into a store.

    Parameters
    ----------
    pre, post : int32 (k,)          sorted by ``pre``
    steps : int64 (k,)              delays in steps
    weight : float64 (k,)
    n_pre : int                     size of the source population
    targets : (lo, hi)              the range of targets that this store owns
    real : {"float32", "float64"}   type of the weights
    """
    d_min, d_max = (int(steps.min()), int(steps.max())) if steps.size else (0, 0)
    span = d_max - d_min + 1
    bounds = (*targets, d_min, span)
    offsets = np.zeros(n_pre * span + 1, np.int64)
    _count(pre, post, steps, bounds, offsets)
    np.cumsum(offsets, out=offsets)
    n = int(offsets[-1])
    equal = weight.size == 0 or bool((weight == weight[0]).all())
    stored = np.full(1, weight[0] if weight.size else 0.0, real) if equal else np.empty(n, real)
    out = np.empty(n, np.int32)
    _fill(pre, post, steps, weight, bounds, offsets[:-1].copy(), out, stored)
    if not equal and n == 1:  # one synapse in this part: `_fill` took it for a constant
        inside = (post >= targets[0]) & (post < targets[1])
        stored[0] = weight[inside][0]
    return SparseStore(offsets, out, stored, d_min, d_max)


@kernel
def deliver_sparse(store, history, length, place, buffer):
    """Add the arrivals of one step to ``buffer``; return how many there were.

    Parameters
    ----------
    store : int64 (COLUMNS,)        the store's row of the table
    history : int64 (parts, 3)      spikes of the source population, one row per part
    length : int                    length of a history's ``starts``
    place : int                     position of the current step in the history
    buffer : real (n_post,)
    """
    d_min = store[D_MIN]
    span = store[D_MAX] - d_min + 1
    offsets = view(store[OFFSETS], store[N_OFFSETS], INT64)
    targets = view(store[TARGETS], store[NNZ], INT32)
    weights = view(store[WEIGHTS], store[N_WEIGHTS], buffer)
    constant = store[N_WEIGHTS] == 1
    arrivals = 0
    for delay in range(span - 1, -1, -1):
        emitted = place - d_min - delay
        for part in range(history.shape[0]):
            starts = view(history[part, STARTS], length, INT64)
            ids = view(history[part, IDS], history[part, CAPACITY], INT32)
            for k in range(starts[emitted], starts[emitted + 1]):
                first = offsets[ids[k] * span + delay]
                last = offsets[ids[k] * span + delay + 1]
                arrivals += last - first
                if constant:
                    weight = weights[0]
                    for j in range(first, last):
                        buffer[targets[j]] += weight
                else:
                    for j in range(first, last):
                        buffer[targets[j]] += weights[j]
    return arrivals
