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

import numpy as np

from .._jit import (
    INT64,
    address_of,
    call,
    flush_denormals,
    kernel,
    read_progress,
    restore_rounding_mode,
    view,
    write_progress,
)
from ..connectivity.deliver import CAPACITY, DELIVER, PRE, STARTS
from .noise import add_noise
from .noting import note_spikes
from .tables import (
    ADDRESSES,
    BLOCK,
    COUNT,
    DOZE,
    FIRST_MEMBER,
    LAST_MEMBER,
    N_STATE,
    NUMBER,
    P_EVERY,
    P_IDS,
    P_N,
    P_OUT,
    P_ROWS,
    P_VARIABLE,
    PEEK,
    STATE,
    STEP,
    TABLE,
    WAKE,
    N,
)

APART = 8  # places between two parts' progress: a line of the cache each
_PATIENCE = 20_000  # looks at another's progress before Python may let somebody else run


@kernel
def _waker(tables, members):
    """The function that wakes those of these populations who sleep; 0 where nobody does."""
    handle = np.int64(0)
    for p in members:
        handle = max(handle, tables.sleepers[p, WAKE])
    return handle


@kernel
def _collect(tables, span, part, group, members, place):
    """Add the arrivals of one step to the input buffers of a group; wake who sleeps."""
    marks, touched = address_of(tables.marks), address_of(tables.touched[part])
    size = tables.inputs.size
    n = np.int64(0)
    for s in range(tables.incoming[group], tables.incoming[group + 1]):
        store = tables.stores[part, s]
        spikes = address_of(tables.histories[store[PRE]])
        where = (address_of(store), spikes, span.parts, span.length, place)
        sinks = (address_of(tables.inputs), size, marks, touched, n)
        n = call(store[DELIVER], (*where, *sinks))
    waker = _waker(tables, members)
    if waker != 0:
        group = (address_of(members), members.size, part, span.parts)
        who = (address_of(tables.sleepers), tables.sleepers.shape[0])
        call(waker, (*who, *group, touched, n, marks))


@kernel
def _advance(tables, span, part, p, step, dt):
    """Advance a part of one population to a step; note its spikes and its probes."""
    row = tables.populations[p]
    lo = row[N] * part // span.parts
    hi = row[N] * (part + 1) // span.parts
    history, place = tables.histories[p, part], step - span.base
    sleeper = tables.sleepers[p]
    if sleeper[STEP] != 0:
        who = (address_of(sleeper), address_of(row), address_of(history))
        call(sleeper[STEP], (*who, span.length, place, part, span.parts, step, dt))
    else:
        add_noise(tables.stimuli, p, step, lo, hi)
        moving = np.int64(step > 0)
        fired = call(row[BLOCK], (row[ADDRESSES], row[N], lo, hi, moving, step * dt, dt))
        note_spikes(row, history, span.length, place, lo, hi, fired)
    _probe(tables, p, step, lo, hi, span.first, dt)


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
