"""How does a step of sleepers go? Arrivals wake them; the awake are computed, one by one.

Two C functions, compiled where somebody may sleep; the engine's kernel calls them through
the table of sleepers.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from .._jit import INT32, INT64, UINT8, UINT32, call, callback, kernel, view
from ..connectivity.deliver import HISTORY_COLUMNS
from .noting import note_few, note_spikes
from .tables import (
    AWAKE,
    COUNT,
    DOZE,
    FIRED,
    FIRST,
    LISTED,
    PLACES,
    POPULATION_COLUMNS,
    SLEEPER_COLUMNS,
    SPIKED,
    TABLE,
    TALLIES,
    N,
)

LOW = (1 << 32) - 1
_FEW = 32


@kernel
def _owner(sleepers, members, place):
    """The row of that of these populations that has this place among its input buffers."""
    for p in members:
        row = sleepers[p * SLEEPER_COLUMNS : (p + 1) * SLEEPER_COLUMNS]
        if 0 <= place - row[FIRST] < row[PLACES]:
            return row
    return sleepers[:SLEEPER_COLUMNS]


@kernel
def _list(row, part, parts, touched, marks):
    """Put neurons of one population on the list of the awake, unless they are there.

    Where places and neurons are the same, the marks of those who are awake stay, and only the
    others are touched.
    """
    count = row[COUNT]
    awake = view(row[AWAKE], count, INT32)[count * part // parts :]
    tally = view(row[TALLIES], parts, INT64)[part:]
    n_awake = tally[0]
    if row[LISTED] == marks + row[FIRST]:
        for place in touched:
            awake[n_awake] = place - row[FIRST]
            n_awake += 1
        tally[0] = n_awake
        return
    listed, marked = view(row[LISTED], count, UINT8), view(marks, row[FIRST] + row[PLACES], UINT8)
    for place in touched:
        marked[place] = 0
        j = place - row[FIRST]
        while j >= count:  # the buffers of further ports follow that of the first
            j -= count
        if listed[np.uint64(j)] == 0:
            listed[np.uint64(j)] = 1
            awake[n_awake] = j
            n_awake += 1
    tally[0] = n_awake


@kernel
def _clear(touched, marks, last):
    """Clear the marks of a population that is awake."""
    marked = view(marks, last, UINT8)
    for place in touched:
        marked[place] = 0


def _wake(table, populations, group, n_members, part, parts, places, n, marks):
    sleepers = view(table, populations * SLEEPER_COLUMNS, INT64)
    members = view(group, n_members, INT64)
    touched = view(places, n, UINT32)
    k = 0
    while k < n:
        row = _owner(sleepers, members, touched[k])
        last = row[FIRST] + row[PLACES]
        end = k
        while end < n and row[FIRST] <= touched[end] < last:
            end += 1
        if row[DOZE] != 0:
            _list(row, part, parts, touched[k:end], marks)
        else:
            _clear(touched[k:end], marks, last)
        k = end
    return 0


@kernel
def _sort_few(ids):
    """Insertion sort."""
    for k in range(1, ids.size):
        value = ids[k]
        place = k - 1
        while place >= 0 and ids[place] > value:
            ids[place + 1] = ids[place]
            place -= 1
        ids[place + 1] = value


def _step(sleeper, population, history, length, place, part, parts, step, dt):
    row = view(sleeper, SLEEPER_COLUMNS, INT64)
    fields = view(population, POPULATION_COLUMNS, INT64)
    spikes = view(history, HISTORY_COLUMNS, INT64)
    lo, hi = row[COUNT] * part // parts, row[COUNT] * (part + 1) // parts
    n_awake = view(row[TALLIES], 2 * parts, INT64)  # the counters of work follow
    count = n_awake[part]
    n_fired = np.int64(0)
    if count > 0:
        told = call(row[DOZE], (row[TABLE], row[COUNT], lo, count, step, dt))
        n_fired = told & LOW
        n_awake[part] = told >> 32
        n_awake[parts + part] += count
    ids = view(row[FIRED], row[COUNT], INT32)[lo : lo + n_fired]
    if n_fired <= _FEW:
        _sort_few(ids)
        note_few(fields, spikes, length, place, ids)
        return 0
    spiked = view(fields[SPIKED], fields[N], UINT8)
    for i in ids:
        spiked[i] = 1
    note_spikes(fields, spikes, length, place, lo, hi, 1)
    return 0


@lru_cache(maxsize=1)
def _compiled() -> tuple[tuple[int, Any], tuple[int, Any]]:
    wake = callback(f"int64({', '.join(['int64'] * 9)})")(_wake)
    return wake, callback(f"int64({', '.join(['int64'] * 8)}, float64)")(_step)


def handles() -> tuple[int, int]:
    """Handles of two functions; arrays are given by their addresses.

    ``wake(table, populations, group, n_members, part, parts, touched, n, marks)``
    puts the neurons behind the ``n`` touched places on the lists of the awake;
    ``group`` lists the populations that the places belong to.

    ``step(sleeper, population, history, length, place, part, parts, step, dt)`` computes one
    step of the awake of a part and appends its spikes to the history.
    """
    (wake, _), (step, _) = _compiled()
    return wake, step
