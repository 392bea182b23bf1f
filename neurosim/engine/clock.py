"""How does a step of the clock engine go? Collect arrivals, advance blocks, note spikes.

The kernels see the network through tables of integers (addresses, sizes, handles), so
they are compiled once, whatever the populations, models and projections are.
At each grid point t_n = n dt, for each population in turn:

1. *collect*: the stores add the arrivals of this step to the input buffers, projection by
   projection, in one canonical order;
2. *advance*: the model's block kernel moves the neurons from t_{n-1} to t_n, hands them
   their input and resets those that fire;
3. the spikes are appended to the population's history, and probes read the state.
"""

from typing import NamedTuple

import numpy as np

from .._jit import INT32, INT64, UINT8, UINT64, call, kernel, view
from ..connectivity.sparse import CAPACITY, IDS, PRE, STARTS, deliver_sparse
from .noise import add_noise

# Columns of the table of populations.
N, BLOCK, ADDRESSES, SPIKED, COUNTS, STATE, N_STATE = range(7)
POPULATION_COLUMNS = 7

# Columns of the table of groups: populations whose arrivals are collected together.
NUMBER, FIRST_MEMBER, LAST_MEMBER = range(3)

# Columns of the table of probes.
_, P_VARIABLE, P_IDS, P_N, P_OUT, P_ROWS, P_EVERY = range(7)  # the first is the population
PROBE_COLUMNS = 7


class Tables(NamedTuple):
    """What the kernels of one part see.

    Attributes
    ----------
    populations : int64 (p, POPULATION_COLUMNS)
    stores : int64 (s, sparse.COLUMNS)      stores onto this part, group by group
    incoming : int64 (g + 1,)               stores of group k: incoming[k]:incoming[k+1]
    histories : int64 (p, parts, 3)
    probes : int64 (q, PROBE_COLUMNS)       sorted by population
    probe_starts : int64 (p + 1,)           probes of population k: starts[k]:starts[k+1]
    inputs : real (i,)                      input buffers of all populations, end to end
    stimuli, strengths : int64 and float64 (s, ...)    see :mod:`neurosim.engine.noise`
    """

    populations: np.ndarray
    stores: np.ndarray
    incoming: np.ndarray
    histories: np.ndarray
    probes: np.ndarray
    probe_starts: np.ndarray
    inputs: np.ndarray
    stimuli: np.ndarray
    strengths: np.ndarray


class Span(NamedTuple):
    """Which steps, of which part, and where they lie in the histories."""

    part: int
    parts: int
    base: int  # step at position 0 of the histories
    length: int  # length of `starts` in each history
    first: int  # first step of the chunk, where probes count from
    begin: int
    end: int


@kernel
def _collect(tables, span, group, place):
    """Add the arrivals of one step to the input buffers of a group."""
    for s in range(tables.incoming[group], tables.incoming[group + 1]):
        store = tables.stores[s]
        deliver_sparse(store, tables.histories[store[PRE]], span.length, place, tables.inputs)


@kernel
def _advance(tables, span, p, step, dt):
    """Advance one population to a step; note its spikes and its probes."""
    row = tables.populations[p]
    lo = row[N] * span.part // span.parts
    hi = row[N] * (span.part + 1) // span.parts
    add_noise(tables.stimuli, tables.strengths, p, step, lo, hi, tables.inputs)
    moving = np.int64(step > 0)
    fired = call(row[BLOCK], (row[ADDRESSES], row[N], lo, hi, moving, step * dt, dt))
    history = tables.histories[p, span.part]
    _note_spikes(row, history, span.length, step - span.base, lo, hi, fired)
    _probe(tables, p, step, lo, hi, span.first)


@kernel
def _note_spikes(row, history, length, place, lo, hi, any_fired):
    """Append the fired neurons of ``lo..hi`` to the history, in order of their index."""
    starts = view(history[STARTS], length, INT64)
    k = starts[place]
    if any_fired:
        ids = view(history[IDS], history[CAPACITY], INT32)
        spiked = view(row[SPIKED], row[N], UINT8)
        eights = view(row[SPIKED], row[N] // 8, UINT64)  # spikes are rare: skip eight at a time
        counts = view(row[COUNTS], row[N], INT64)
        i = lo
        while i < hi:
            if i % 8 == 0 and i + 8 <= hi and eights[i // 8] == 0:
                i += 8
                continue
            if spiked[i]:
                spiked[i] = 0
                ids[k] = i
                counts[i] += 1
                k += 1
            i += 1
    starts[place + 1] = k


@kernel
def _probe(tables, p, step, lo, hi, begin):
    """Copy the probed state of population ``p``, where this step is due."""
    for q in range(tables.probe_starts[p], tables.probe_starts[p + 1]):
        probe = tables.probes[q]
        every = probe[P_EVERY]
        if step % every != 0:
            continue
        row = tables.populations[p]
        state = view(row[STATE], row[N_STATE] * row[N], tables.inputs)
        ids = view(probe[P_IDS], probe[P_N], INT64)
        out = view(probe[P_OUT], probe[P_ROWS] * probe[P_N], tables.inputs)
        line = step // every - (begin + every - 1) // every
        for k in range(ids.size):
            if lo <= ids[k] < hi:
                out[line * ids.size + k] = state[probe[P_VARIABLE] * row[N] + ids[k]]


@kernel
def _has_room(tables, span, members, place):
    """Is there space for every neuron of this part to fire once more?"""
    for m in range(members.size):
        history = tables.histories[members[m], span.part]
        starts = view(history[STARTS], span.length, INT64)
        n = tables.populations[members[m], N]
        share = n * (span.part + 1) // span.parts - n * span.part // span.parts
        if starts[place] + share > history[CAPACITY]:
            return False
    return True


@kernel
def run_steps(tables, span, members, groups, dt):
    """Compute steps ``span.begin`` to ``span.end`` of some populations.

    Parameters
    ----------
    members : int64 (m,)        populations, in an order that zero delays can follow
    groups : int64 (g, 3)       number of the group, and its range of members

    Returns
    -------
    int
        The step reached; less than ``span.end`` when a history is full and has to grow.
    """
    for step in range(span.begin, span.end):
        place = step - span.base
        if not _has_room(tables, span, members, place):
            return step
        for g in range(groups.shape[0]):
            _collect(tables, span, groups[g, NUMBER], place)
            for m in range(groups[g, FIRST_MEMBER], groups[g, LAST_MEMBER]):
                _advance(tables, span, members[m], step, dt)
    return span.end
