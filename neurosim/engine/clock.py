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

from .._jit import (
    INT32,
    INT64,
    UINT8,
    UINT64,
    call,
    flush_denormals,
    kernel,
    read_progress,
    restore_rounding_mode,
    view,
    write_progress,
)
from ..connectivity.deliver import CAPACITY, IDS, PRE, STARTS, deliver
from .noise import add_noise
from .sleeping import COUNT, DOZE, FIRED, PEEK, TABLE, doze, wake

# Columns of the table of populations.
N, BLOCK, ADDRESSES, SPIKED, COUNTS, STATE, N_STATE = range(7)
POPULATION_COLUMNS = 7

APART = 8  # places between two parts' progress: a line of the cache each
_PATIENCE = 20_000  # looks at another's progress before Python may let somebody else run

# Columns of the table of groups: populations whose arrivals are collected together.
NUMBER, FIRST_MEMBER, LAST_MEMBER = range(3)

# Columns of the table of probes.
_, P_VARIABLE, P_IDS, P_N, P_OUT, P_ROWS, P_EVERY = range(7)  # the first is the population
PROBE_COLUMNS = 7


class Tables(NamedTuple):
    """What the kernels see.

    Attributes
    ----------
    populations : int64 (p, POPULATION_COLUMNS)
    stores : int64 (parts, s, COLUMNS)      stores onto each part, group by group
    incoming : int64 (g + 1,)               stores of group k: incoming[k]:incoming[k+1]
    histories : int64 (p, parts, 3)
    probes : int64 (q, PROBE_COLUMNS)       sorted by population
    probe_starts : int64 (p + 1,)           probes of population k: starts[k]:starts[k+1]
    inputs : real (i,)                      input buffers of all populations, end to end
    stimuli : int64 (s, noise.COLUMNS)
    sleepers : int64 (p, sleeping.COLUMNS)  see :mod:`neurosim.engine.sleeping`
    marks : uint8 (i,)                      1 where this step has touched the inputs; or empty
    touched : uint32 (parts, t)             room for the touched places
    """

    populations: np.ndarray
    stores: np.ndarray
    incoming: np.ndarray
    histories: np.ndarray
    probes: np.ndarray
    probe_starts: np.ndarray
    inputs: np.ndarray
    stimuli: np.ndarray
    sleepers: np.ndarray
    marks: np.ndarray
    touched: np.ndarray


class Span(NamedTuple):
    """Which steps, of which parts, and where they lie in the histories."""

    first_part: int
    last_part: int
    parts: int
    base: int  # step at position 0 of the histories
    length: int  # length of `starts` in each history
    first: int  # first step of the chunk, where probes count from
    begin: int
    end: int
    window: int  # steps that parts may be apart; 0 where nobody else is at work


@kernel
def _sleep(tables, members):
    """Does any of these populations sleep?"""
    n = 0
    for p in members:
        n += tables.sleepers[p, DOZE] != 0
    return n > 0


@kernel
def _collect(tables, span, part, group, members, place):
    """Add the arrivals of one step to the input buffers of a group; wake who sleeps."""
    marks = tables.marks if _sleep(tables, members) else tables.marks[:0]
    touched = tables.touched[part]
    n = 0
    for s in range(tables.incoming[group], tables.incoming[group + 1]):
        store = tables.stores[part, s]
        history = tables.histories[store[PRE]]
        n = deliver(store, history, span.length, place, tables.inputs, marks, touched, n)
    wake(tables.sleepers, members, part, span.parts, touched, n, marks)


@kernel
def _advance(tables, span, part, p, step, dt):
    """Advance a part of one population to a step; note its spikes and its probes."""
    row = tables.populations[p]
    lo = row[N] * part // span.parts
    hi = row[N] * (part + 1) // span.parts
    history = tables.histories[p, part]
    if tables.sleepers[p, DOZE] != 0:
        spiked = view(row[SPIKED], row[N], UINT8)
        fired = doze(tables.sleepers[p], part, span.parts, step, dt, spiked)
        ids = view(tables.sleepers[p, FIRED], row[N], INT32)[lo:]
        if fired >= 0:
            _note_few(row, history, span.length, step - span.base, ids[:fired])
            _probe(tables, p, step, lo, hi, span.first, dt)
            return
    else:
        add_noise(tables.stimuli, p, step, lo, hi)
        moving = np.int64(step > 0)
        fired = call(row[BLOCK], (row[ADDRESSES], row[N], lo, hi, moving, step * dt, dt))
    _note_spikes(row, history, span.length, step - span.base, lo, hi, fired)
    _probe(tables, p, step, lo, hi, span.first, dt)


@kernel
def _note_few(row, history, length, place, fired):
    """Append neurons, sorted, to the history."""
    starts = view(history[STARTS], length, INT64)
    ids = view(history[IDS], history[CAPACITY], INT32)
    counts = view(row[COUNTS], row[N], INT64)
    k = starts[place]
    for i in fired:
        ids[k] = i
        counts[i] += 1
        k += 1
    starts[place + 1] = k


@kernel
def _any_of_64(words, block):
    """Is a flag set in a block of 64? ``words`` holds eight flags each."""
    w = words[8 * block :]
    return (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7]) != 0


@kernel
def _note_spikes(row, history, length, place, lo, hi, any_fired):
    """Append the fired neurons of ``lo..hi`` to the history, in order of their index."""
    starts = view(history[STARTS], length, INT64)
    k = starts[place]
    if any_fired:
        ids = view(history[IDS], history[CAPACITY], INT32)
        spiked = view(row[SPIKED], row[N], UINT8)
        counts = view(row[COUNTS], row[N], INT64)
        words = view(row[SPIKED], row[N] // 8, UINT64)
        i = lo
        while i < hi:
            # Spikes are rare: skip 64 neurons at a time, eight words of eight flags.
            stop = min(i // 64 * 64 + 64, hi)
            if stop - i == 64 and not _any_of_64(words, i // 64):
                i = stop
                continue
            while i < stop:
                if spiked[i]:
                    spiked[i] = 0
                    ids[k] = i
                    counts[i] += 1
                    k += 1
                i += 1
    starts[place + 1] = k


@kernel
def _probe(tables, p, step, lo, hi, begin, dt):
    """Copy the probed state of population ``p``, where this step is due."""
    for q in range(tables.probe_starts[p], tables.probe_starts[p + 1]):
        probe = tables.probes[q]
        every = probe[P_EVERY]
        if step % every != 0:
            continue
        line = step // every - (begin + every - 1) // every
        if tables.sleepers[p, DOZE] != 0:
            sleeper, n = tables.sleepers[p], probe[P_N]
            out = probe[P_OUT] + line * n * tables.inputs.itemsize
            asked = (sleeper[TABLE], sleeper[COUNT], probe[P_IDS], n, lo, hi)
            call(sleeper[PEEK], (*asked, probe[P_VARIABLE], out, step, dt))
            continue
        row = tables.populations[p]
        state = view(row[STATE], row[N_STATE] * row[N], tables.inputs)
        ids = view(probe[P_IDS], probe[P_N], INT64)
        out = view(probe[P_OUT], probe[P_ROWS] * probe[P_N], tables.inputs)
        for k in range(ids.size):
            if lo <= ids[k] < hi:
                out[line * ids.size + k] = state[probe[P_VARIABLE] * row[N] + ids[k]]


@kernel
def _has_room(tables, span, part, members, place):
    """Is there space for every neuron of this part to fire once more?"""
    for p in members:
        history = tables.histories[p, part]
        starts = view(history[STARTS], span.length, INT64)
        n = tables.populations[p, N]
        share = n * (part + 1) // span.parts - n * part // span.parts
        if starts[place] + share > history[CAPACITY]:
            return False
    return True


@kernel
def _ready(tables, span, members, step, progress):
    """Can a step be computed? Others must have come near enough, and histories hold it."""
    if span.window > 0:
        for part in range(span.parts):
            tries = 0
            while read_progress(progress, part * APART) + span.window <= step:
                tries += 1
                if tries == _PATIENCE:
                    return False
    for part in range(span.first_part, span.last_part):
        if not _has_room(tables, span, part, members, step - span.base):
            return False
    return True


@kernel
def run_steps(tables, span, members, groups, progress, dt):
    """Compute steps ``span.begin`` to ``span.end`` of some parts of some populations.

    Where parts run at the same time, each tells its progress and waits for the others as far
    as their spikes can reach it.

    Parameters
    ----------
    members : int64 (m,)            populations, in an order that zero delays can follow
    groups : int64 (g, 3)           number of the group, and its range of members
    progress : int64 (parts * APART,)   the step that each part has reached

    Returns
    -------
    int
        The step reached; less than ``span.end`` when a history is full and has to grow, or
        when another part lets this one wait for long.
    """
    mode = flush_denormals()
    reached = span.end
    for step in range(span.begin, span.end):
        if not _ready(tables, span, members, step, progress):
            reached = step
            break
        for g in range(groups.shape[0]):
            group = members[groups[g, FIRST_MEMBER] : groups[g, LAST_MEMBER]]
            for part in range(span.first_part, span.last_part):
                _collect(tables, span, part, groups[g, NUMBER], group, step - span.base)
                for p in group:
                    _advance(tables, span, part, p, step, dt)
        if span.window > 0:
            write_progress(progress, span.first_part * APART, step + 1)
    restore_rounding_mode(mode)
    return reached
