"""How do spikes reach their targets? The functions that walk the stores of one step.

Arrivals are *pulled*: for each possible delay d, for each spike emitted d steps ago, one
contiguous segment of the source's row. A segment of the next delay is fetched into the
cache while the present one is added, as each lies somewhere else in memory.

Each kind of store has a C function of its own, in a form that only adds, and in forms that also
list the touched places, for those who sleep behind them, or mark groups of places, for those
who rest; each of them in a form that scales weights, by what graded spikes carry and by a
gain that changes in time. They are compiled when needed.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .._jit import FLOAT64, INT32, INT64, UINT8, UINT32, callback, kernel, prefetch, view
from .places import GROUP

# Columns of the integer table through which the functions see a store. DELIVER is a handle.
(
    KIND, PRE, OFFSETS, N_OFFSETS, TARGETS, NNZ, WEIGHTS, N_WEIGHTS, D_MIN, D_MAX, BITS, BASE,
    STEPS, DELIVER, GAINS,
) = range(15)  # fmt: skip
COLUMNS = 15

# What a store's targets and weights are.
CONSTANT = 0  # uint32 places; one weight
EACH = 1  # uint32 places; a weight per synapse
PACKED = 2  # uint32: place - BASE in the low BITS, a signed weight above; its scale
LEARNING = 3  # uint32 places; a weight and a delay (STEPS) per synapse; OFFSETS are rows
STAMPED = 4  # no synapses: a kernel, its plan (OFFSETS), and the delays of its taps (TARGETS)

# Columns of the table of spike histories: one row per part of the source population.
IDS, CAPACITY, STARTS, PAYLOADS = range(4)  # PAYLOADS are 0 for plain spikes
HISTORY_COLUMNS = 4

# What a function does beside adding: bits of ``marking``.
LIST, MARK = 1, 2

_SIGNATURE = f"int64({', '.join(['int64'] * 10)})"
_LINE = 16  # synapses of four bytes in a line of the cache
_AHEAD = 8 * _LINE  # the processor's own prefetch follows after a few lines


@kernel
def spikes_of(histories, part, length):
    """(where the steps start, ids) of the history of one part."""
    row = histories[part * HISTORY_COLUMNS :]
    return view(row[STARTS], length, INT64), view(row[IDS], row[CAPACITY], INT32)


@kernel
def factor_of(row, histories, part, k, place):
    """What the weights that a spike meets are multiplied by: its payload, and the gain."""
    factor, history = 1.0, histories[part * HISTORY_COLUMNS :]
    if history[PAYLOADS] != 0:
        factor = view(history[PAYLOADS], history[CAPACITY], FLOAT64)[k]
    if row[GAINS] != 0:
        factor *= view(row[GAINS], place + 1, FLOAT64)[place]
    return factor


@kernel
def _fetch(kind, span, offsets, synapses, histories, length, emitted, delay):
    """Ask for the segments of one delay, before they are needed."""
    targets, weights = synapses
    for part in range(histories.size // HISTORY_COLUMNS):
        starts, ids = spikes_of(histories, part, length)
        for k in range(starts[emitted], starts[emitted + 1]):
            segment = ids[k] * span + delay
            first = offsets[segment]
            last = min(offsets[segment + 1], first + _AHEAD)
            for place in range(first, last, _LINE):
                prefetch(targets, place)
                if kind == EACH:
                    prefetch(weights, place)


@kernel
def _add_packed(cells, bits, base, scale, buffer):
    """Add a segment of packed synapses; the scale is a power of two, if spikes are plain."""
    low, first = np.uint64((1 << bits) - 1), np.uint64(base)
    for j in range(cells.size):
        weight = buffer.dtype.type(np.int32(cells[j]) >> bits)
        buffer[first + (cells[j] & low)] += weight * scale


@kernel
def _add(kind, store, targets, weights, factor, buffer):
    """Add the weights of one segment to the buffer."""
    if kind == CONSTANT:
        weight = weights[0] * factor
        for j in range(targets.size):
            buffer[targets[j]] += weight
    elif kind == PACKED:
        _add_packed(targets, store[BITS], store[BASE], weights[0] * factor, buffer)
    else:
        for j in range(targets.size):
            buffer[targets[j]] += weights[j] * factor


@kernel
def _add_and_touch(kind, store, targets, weights, factor, sinks, n):
    """The same, and list the places that no arrival of this step has touched before."""
    buffer, marks, touched, _ = sinks
    low, base = np.uint64(0xFFFFFFFF), np.uint64(0)
    if kind == PACKED:
        low, base = np.uint64((1 << store[BITS]) - 1), np.uint64(store[BASE])
    for j in range(targets.size):
        place = base + (targets[j] & low)
        if kind == CONSTANT:
            weight = weights[0]
        elif kind == PACKED:
            weight = buffer.dtype.type(np.int32(targets[j]) >> store[BITS]) * weights[0]
        else:
            weight = weights[j]
        buffer[place] += weight * factor
        touched[n] = place
        n += 1 - marks[place]
        marks[place] = 1
    return n


@kernel
def _arrive(kind, marking, store, synapses, first, last, factor, sinks, n):
    """The arrivals of one segment; returns the number of touched places."""
    targets, weights = synapses[0][first:last], synapses[1]
    if kind in (EACH, LEARNING):
        weights = weights[first:last]
    if marking & MARK:
        _mark(kind, store, targets, sinks[3])
    if marking & LIST:
        return _add_and_touch(kind, store, targets, weights, factor, sinks, n)
    _add(kind, store, targets, weights, factor, sinks[0])
    return n


@kernel
def _mark(kind, store, targets, busy):
    """Mark the groups of the places of one segment."""
    low, base = np.uint64(0xFFFFFFFF), np.uint64(0)
    if kind == PACKED:
        low, base = np.uint64((1 << store[BITS]) - 1), np.uint64(store[BASE])
    for j in range(targets.size):
        busy[(base + (targets[j] & low)) >> np.uint64(6)] = 1


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


def _from_frozen(kind: int, marking: int, scaled: bool, like: np.ndarray) -> Callable:
    """Segments of equal delay, found by their offsets."""
    one = like.dtype.type(1)

    def deliver(store, histories, parts, length, place, inputs, n_inputs, marks, touched, n):
        row = view(store, COLUMNS, INT64)
        histories = view(histories, parts * HISTORY_COLUMNS, INT64)
        d_min = row[D_MIN]
        span = row[D_MAX] - d_min + 1
        offsets = view(row[OFFSETS], row[N_OFFSETS], INT64)
        targets = view(row[TARGETS], row[NNZ], UINT32)
        synapses = (targets, view(row[WEIGHTS], row[N_WEIGHTS], like))
        listed = view(touched, n_inputs + 1, UINT32)
        busy = view(marks + n_inputs, n_inputs // GROUP, UINT8)
        sinks = (view(inputs, n_inputs, like), view(marks, n_inputs, UINT8), listed, busy)
        for delay in range(span - 1, -1, -1):
            at = place - d_min - delay
            if delay > 0:
                _fetch(kind, span, offsets, synapses, histories, length, at + 1, delay - 1)
            for part in range(parts):
                starts, ids = spikes_of(histories, part, length)
                for k in range(starts[at], starts[at + 1]):
                    segment = ids[k] * span + delay
                    first, last = offsets[segment], offsets[segment + 1]
                    factor = one
                    if scaled:
                        factor = like.dtype.type(factor_of(row, histories, part, k, place))
                    n = _arrive(kind, marking, row, synapses, first, last, factor, sinks, n)
        if row[D_MAX] > 1 and (span > 1 or parts == 1):  # spikes of the past, of any part
            at = place + 1 - row[D_MAX]
            _fetch(kind, span, offsets, synapses, histories, length, at, span - 1)
        return n

    return deliver


def _from_learning(kind: int, marking: int, scaled: bool, like: np.ndarray) -> Callable:
    """The same from rows whose delays may have changed: a segment is searched for."""
    one = like.dtype.type(1)

    def deliver(store, histories, parts, length, place, inputs, n_inputs, marks, touched, n):
        row = view(store, COLUMNS, INT64)
        histories = view(histories, parts * HISTORY_COLUMNS, INT64)
        rows = view(row[OFFSETS], row[N_OFFSETS], INT64)
        steps = view(row[STEPS], row[NNZ], INT32)
        targets = view(row[TARGETS], row[NNZ], UINT32)
        synapses = (targets, view(row[WEIGHTS], row[N_WEIGHTS], like))
        listed = view(touched, n_inputs + 1, UINT32)
        busy = view(marks + n_inputs, n_inputs // GROUP, UINT8)
        sinks = (view(inputs, n_inputs, like), view(marks, n_inputs, UINT8), listed, busy)
        for delay in range(row[D_MAX], row[D_MIN] - 1, -1):
            for part in range(parts):
                starts, ids = spikes_of(histories, part, length)
                for k in range(starts[place - delay], starts[place - delay + 1]):
                    end = rows[2 * ids[k] + 1]
                    first = _first_of(steps, rows[2 * ids[k]], end, delay)
                    last = first
                    while last < end and steps[last] == delay:
                        last += 1
                    factor = one
                    if scaled:
                        factor = like.dtype.type(factor_of(row, histories, part, k, place))
                    n = _arrive(kind, marking, row, synapses, first, last, factor, sinks, n)
        return n

    return deliver


@lru_cache(maxsize=64)
def _compiled(kind: int, marking: int, scaled: bool, real: str) -> tuple[int, Any]:
    like = np.empty(0, real)
    if kind == STAMPED:
        from .stamping import stamper  # here, as it knows the columns above

        return callback(_SIGNATURE)(stamper(marking, scaled, like))
    maker = _from_learning if kind == LEARNING else _from_frozen
    return callback(_SIGNATURE)(maker(kind, marking, scaled, like))


def deliverer(kind: int, real: str, *, marking: int = 0, scaled: bool = False) -> int:
    """Handle of the function that delivers the arrivals of one step from a kind of store.

    Parameters
    ----------
    kind : CONSTANT, EACH, PACKED, LEARNING or STAMPED
    real : {"float32", "float64", "int32"}
        Type of weights and inputs.
    marking : int
        LIST: list the touched places. MARK: mark their groups.
    scaled : bool
        Multiply weights by payloads, or by a gain.

    Returns
    -------
    int
        Handle of ``deliver(store, histories, parts, length, place, inputs, n_inputs, marks,
        touched, n)``, which returns the number of touched places so far. ``store`` and
        ``histories`` are addresses of the store's row of its table and of the rows of the source
        population's parts; ``length`` is that of a history's ``starts``, ``place`` the position
        of the present step in the histories; ``inputs`` is the address of the ``n_inputs`` input
        buffers of all populations; ``marks`` (uint8, 1 where an arrival of this step has been)
        and ``touched`` (uint32, room for n_inputs + 1 places, ``n`` of them so far) are read only
        where places are listed; behind the marks of places lie those of their groups.
    """
    return _compiled(kind, marking, scaled, real)[0]
