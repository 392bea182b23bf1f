"""Who fired? Spikes of one step, appended to a history in the order of the neurons."""

import numpy as np

from .._jit import FLOAT64, INT32, INT64, UINT8, kernel, lowest_bit, take_flags, view
from ..connectivity.deliver import CAPACITY, IDS, PAYLOADS, STARTS
from .tables import COUNTS, RUNS, SENT, SPIKED, N


@kernel
def _note_payloads(row, history, first, last):
    """What the spikes first..last of the list carry."""
    if row[SENT] != 0:
        ids = view(history[IDS], history[CAPACITY], INT32)
        payloads = view(history[PAYLOADS], history[CAPACITY], FLOAT64)
        sent = view(row[SENT], row[N], FLOAT64)
        for k in range(first, last):
            payloads[k] = sent[ids[k]]


@kernel
def note_few(row, history, length, place, fired):
    """Append neurons, sorted, to the history."""
    starts = view(history[STARTS], length, INT64)
    ids = view(history[IDS], history[CAPACITY], INT32)
    counts = view(row[COUNTS], row[N], INT64)
    k = starts[place]
    for i in fired:
        ids[k] = i
        counts[i] += 1
        k += 1
    _note_payloads(row, history, starts[place], k)
    starts[place + 1] = k


@kernel
def _note(i, k, ids, counts):
    """Neuron ``i`` has fired: entry ``k`` of the list."""
    ids[k] = i
    counts[i] += 1


@kernel
def _note_single(flags, lo, hi, k, ids, counts):
    """Look at flags one by one; returns the length of the list."""
    for i in range(lo, hi):
        if flags[i]:
            flags[i] = 0
            _note(i, k, ids, counts)
            k += 1
    return k


@kernel
def _note_range(row, lo, hi, k, ids, counts):
    """Look at the flags of neurons lo..hi, most of them 64 at a time."""
    flags = view(row[SPIKED], row[N], UINT8)
    first, last = (lo + 63) // 64, hi // 64
    k = _note_single(flags, lo, min(64 * first, hi), k, ids, counts)
    for block in range(first, last):
        fired = take_flags(row[SPIKED] + 64 * block)
        while fired != 0:
            _note(64 * block + lowest_bit(fired), k, ids, counts)
            fired &= fired - np.uint64(1)
            k += 1
    return _note_single(flags, max(64 * last, min(64 * first, hi)), hi, k, ids, counts)


@kernel
def note_spikes(row, history, length, place, lo, hi, fired):
    """Append the fired neurons of ``lo..hi`` to the history, in order of their index.

    ``fired`` is 0 where nobody did; of populations that rest, the number of runs in which
    somebody did.
    """
    starts = view(history[STARTS], length, INT64)
    k = starts[place]
    if fired != 0:
        ids = view(history[IDS], history[CAPACITY], INT32)
        counts = view(row[COUNTS], row[N], INT64)
        if row[RUNS] != 0:
            runs = view(row[RUNS], 2 * fired, INT32)
            for r in range(fired):
                k = _note_range(row, runs[2 * r], runs[2 * r + 1], k, ids, counts)
        else:
            k = _note_range(row, lo, hi, k, ids, counts)
        _note_payloads(row, history, starts[place], k)
    starts[place + 1] = k
