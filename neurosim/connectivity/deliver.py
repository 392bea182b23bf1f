"""How do spikes reach their targets? The kernels that walk the stores of one step.

Arrivals are *pulled*: for each possible delay d, for each spike emitted d steps ago, one
contiguous segment of the source's row. A segment of the next delay is fetched into the
cache while the present one is added, as each lies somewhere else in memory.
"""

import numpy as np

from .._jit import INT32, INT64, UINT32, kernel, prefetch, view

# Columns of the integer table through which the kernels see a store.
(
    KIND, PRE, OFFSETS, N_OFFSETS, TARGETS, NNZ, WEIGHTS, N_WEIGHTS, D_MIN, D_MAX, BITS, BASE, STEPS
) = range(13)  # fmt: skip
COLUMNS = 13

# What a store's targets and weights are.
CONSTANT = 0  # uint32 places; one weight
EACH = 1  # uint32 places; a weight per synapse
PACKED = 2  # uint32: place - BASE in the low BITS, a signed weight above; its scale
LEARNING = 3  # uint32 places; a weight and a delay (STEPS) per synapse; OFFSETS are rows

# Columns of the table of spike histories: one row per part of the source population.
IDS, CAPACITY, STARTS = range(3)

_LINE = 16  # synapses of four bytes in a line of the cache
_AHEAD = 8 * _LINE  # the processor's own prefetch follows after a few lines


@kernel
def _fetch(store, offsets, targets, weights, history, length, emitted, delay):
    """Ask for the segments of one delay, before they are needed."""
    span = store[D_MAX] - store[D_MIN] + 1
    for part in range(history.shape[0]):
        starts = view(history[part, STARTS], length, INT64)
        ids = view(history[part, IDS], history[part, CAPACITY], INT32)
        for k in range(starts[emitted], starts[emitted + 1]):
            segment = ids[k] * span + delay
            first = offsets[segment]
            last = min(offsets[segment + 1], first + _AHEAD)
            for place in range(first, last, _LINE):
                prefetch(targets, place)
                if store[KIND] == EACH:
                    prefetch(weights, place)


@kernel
def _add_packed(cells, bits, base, scale, buffer):
    """Add a segment of packed synapses; the scale is a power of two, so nothing rounds."""
    low, first = np.uint64((1 << bits) - 1), np.uint64(base)
    for j in range(cells.size):
        weight = buffer.dtype.type(np.int32(cells[j]) >> bits)
        buffer[first + (cells[j] & low)] += weight * scale


@kernel
def _add(store, targets, weights, first, last, buffer):
    """Add the weights of one segment to the buffer."""
    segment = targets[first:last]
    if store[KIND] == CONSTANT:
        weight = weights[0]
        for j in range(segment.size):
            buffer[segment[j]] += weight
    elif store[KIND] == PACKED:
        _add_packed(segment, store[BITS], store[BASE], weights[0], buffer)
    else:
        weight_of = weights[first:last]
        for j in range(segment.size):
            buffer[segment[j]] += weight_of[j]


@kernel
def _touch(store, targets, first, last, marks, touched, n):
    """List the places of a segment that no arrival of this step has touched before."""
    low, base = np.uint64(0xFFFFFFFF), np.uint64(0)
    if store[KIND] == PACKED:
        low, base = np.uint64((1 << store[BITS]) - 1), np.uint64(store[BASE])
    for target in targets[first:last]:
        place = base + (target & low)
        touched[n] = place
        n += 1 - marks[place]
        marks[place] = 1
    return n


@kernel
def _first_of(steps, begin, end, delay):
    """The first place in ``begin ... end`` with at least this delay; the delays ascend."""
    while begin < end:
        middle = (begin + end) // 2
        if steps[middle] < delay:
            begin = middle + 1
        else:
            end = middle
    return begin


@kernel
def _deliver_learning(store, history, length, place, buffer, marks, touched, n):
    """The same from rows whose delays may have changed: a segment is searched for."""
    rows = view(store[OFFSETS], store[N_OFFSETS], INT64)
    steps = view(store[STEPS], store[NNZ], INT32)
    targets = view(store[TARGETS], store[NNZ], UINT32)
    weights = view(store[WEIGHTS], store[N_WEIGHTS], buffer)
    for delay in range(store[D_MAX], store[D_MIN] - 1, -1):
        for part in range(history.shape[0]):
            starts = view(history[part, STARTS], length, INT64)
            ids = view(history[part, IDS], history[part, CAPACITY], INT32)
            for k in range(starts[place - delay], starts[place - delay + 1]):
                end = rows[2 * ids[k] + 1]
                first = _first_of(steps, rows[2 * ids[k]], end, delay)
                last = first
                while last < end and steps[last] == delay:
                    last += 1
                _add(store, targets, weights, first, last, buffer)
                if marks.size:
                    n = _touch(store, targets, first, last, marks, touched, n)
    return n


@kernel
def deliver(store, history, length, place, buffer, marks, touched, n):
    """Add the arrivals of one step to ``buffer``.

    Parameters
    ----------
    store : int64 (COLUMNS,)        the store's row of the table
    history : int64 (parts, 3)      spikes of the source population, one row per part
    length : int                    length of a history's ``starts``
    place : int                     position of the current step in the history
    buffer : real (n,)              input buffers of all populations, end to end
    marks : uint8 (n,) or (0,)      1 where an arrival has touched the buffer; empty where
                                    nobody asks
    touched : uint32 (n + 1,)       the touched places so far
    n : int                         how many they are

    Returns
    -------
    int : the number of touched places now
    """
    if store[KIND] == LEARNING:
        return _deliver_learning(store, history, length, place, buffer, marks, touched, n)
    d_min = store[D_MIN]
    span = store[D_MAX] - d_min + 1
    offsets = view(store[OFFSETS], store[N_OFFSETS], INT64)
    targets = view(store[TARGETS], store[NNZ], UINT32)
    weights = view(store[WEIGHTS], store[N_WEIGHTS], buffer)
    for delay in range(span - 1, -1, -1):
        emitted = place - d_min - delay
        if delay > 0:
            _fetch(store, offsets, targets, weights, history, length, emitted + 1, delay - 1)
        for part in range(history.shape[0]):
            starts = view(history[part, STARTS], length, INT64)
            ids = view(history[part, IDS], history[part, CAPACITY], INT32)
            for k in range(starts[emitted], starts[emitted + 1]):
                segment = ids[k] * span + delay
                first, last = offsets[segment], offsets[segment + 1]
                _add(store, targets, weights, first, last, buffer)
                if marks.size:
                    n = _touch(store, targets, first, last, marks, touched, n)
    return n
