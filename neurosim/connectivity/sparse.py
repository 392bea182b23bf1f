"""How are explicit synapses stored and walked? Rows by source, sorted by delay.

The row of a source is cut into segments of equal delay, so that the arrivals of one step
are *pulled*: for each possible delay d, for each spike emitted d steps ago, one
contiguous segment. All arrivals of a step go into one buffer as long as the targets, and
they are summed in one canonical order (source population, emission step, spike, projection,
edge id), whatever the windows, the cuts of a run, or the number of threads. Equal weights
are stored once.

One store serves all projections of a source population into one group of targets, so that
a spike's segments are few and long; with threads there is a store per thread.
"""

from typing import NamedTuple

import numpy as np

from .._jit import INT32, INT64, UINT32, address, kernel, view

# Columns of the integer table through which the engine's kernels see a store.
PRE, OFFSETS, N_OFFSETS, TARGETS, WEIGHTS, N_WEIGHTS, NNZ, D_MIN, D_MAX = range(9)
COLUMNS = 9

# Columns of the table of spike histories: one row per part of the source population.
IDS, CAPACITY, STARTS = range(3)


class SparseStore(NamedTuple):
    """Frozen synapses from one source population into one buffer.

    Attributes
    ----------
    offsets : int64 (n_pre * (d_max - d_min + 1) + 1,)   start of each (source, delay) segment
    targets : uint32 (k,)    places in the buffer (unsigned: an index that needs no sign check)
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

    def row(self, pre: int) -> list[int]:
        """The store's row of the engine's table; ``pre`` is the source population."""
        return [
            pre, address(self.offsets), self.offsets.size, address(self.targets),
            address(self.weights), self.weights.size, self.targets.size, self.d_min, self.d_max,
        ]  # fmt: skip


class Links(NamedTuple):
    """Synapses in the order of their edge ids: what a store is made of."""

    pre: np.ndarray  # int32
    target: np.ndarray  # int32, places in the buffer
    steps: np.ndarray  # int32, delays
    weight: np.ndarray  # real


@kernel
def _count(pre, steps, d_min, span, offsets):
    """Histogram of the (source, delay) segments, one place to the right."""
    for k in range(pre.size):
        offsets[pre[k] * span + steps[k] - d_min + 1] += 1


@kernel
def _fill(links, d_min, span, ends, targets, weights):
    """Put each synapse behind the earlier ones of its segment (a stable counting sort)."""
    for k in range(links.pre.size):
        segment = links.pre[k] * span + links.steps[k] - d_min
        place = ends[segment]
        ends[segment] = place + 1
        targets[place] = links.target[k]
        if weights.size > 1:
            weights[place] = links.weight[k]


def build_sparse(parts: list[Links], n_pre: int) -> SparseStore:
    """Sort synapses of one source population, given in canonical order, into a store.

    Parameters
    ----------
    parts : list of Links       projection by projection; none, or empty ones, are fine
    n_pre : int                 size of the source population
    """
    parts = [p for p in parts if p.pre.size]
    if not parts:  # a thread may own no target of this source
        return SparseStore(np.zeros(n_pre + 1, np.int64), np.empty(0, np.uint32), np.zeros(1), 0, 0)
    d_min = min(int(p.steps.min()) for p in parts)
    d_max = max(int(p.steps.max()) for p in parts)
    span = d_max - d_min + 1
    offsets = np.zeros(n_pre * span + 1, np.int64)
    for p in parts:
        _count(p.pre, p.steps, d_min, span, offsets)
    np.cumsum(offsets, out=offsets)
    n = int(offsets[-1])
    first = parts[0].weight[0]
    equal = all(bool((p.weight == first).all()) for p in parts)
    weights = np.full(1, first) if equal else np.empty(n, first.dtype)
    targets = np.empty(n, np.uint32)
    ends = offsets[:-1].copy()
    for p in parts:
        _fill(p, d_min, span, ends, targets, weights)
    return SparseStore(offsets, targets, weights, d_min, d_max)


@kernel
def deliver_sparse(store, history, length, place, buffer):
    """Add the arrivals of one step to ``buffer``.

    Parameters
    ----------
    store : int64 (COLUMNS,)        the store's row of the table
    history : int64 (parts, 3)      spikes of the source population, one row per part
    length : int                    length of a history's ``starts``
    place : int                     position of the current step in the history
    buffer : real (n,)              input buffers of all populations, end to end
    """
    d_min = store[D_MIN]
    span = store[D_MAX] - d_min + 1
    offsets = view(store[OFFSETS], store[N_OFFSETS], INT64)
    targets = view(store[TARGETS], store[NNZ], UINT32)
    weights = view(store[WEIGHTS], store[N_WEIGHTS], buffer)
    constant = store[N_WEIGHTS] == 1
    for delay in range(span - 1, -1, -1):
        emitted = place - d_min - delay
        for part in range(history.shape[0]):
            starts = view(history[part, STARTS], length, INT64)
            ids = view(history[part, IDS], history[part, CAPACITY], INT32)
            for k in range(starts[emitted], starts[emitted + 1]):
                first = offsets[ids[k] * span + delay]
                last = offsets[ids[k] * span + delay + 1]
                segment = targets[first:last]
                if constant:
                    weight = weights[0]
                    for j in range(segment.size):
                        buffer[segment[j]] += weight
                else:
                    weight_of = weights[first:last]
                    for j in range(segment.size):
                        buffer[segment[j]] += weight_of[j]
