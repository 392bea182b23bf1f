"""Which arrivals has each neuron in this window? Taken from the calendar, by neuron, by time.

Arrivals of a neuron are sorted by time, then port, then weight: an order that depends on
nothing but the arrivals themselves, so neither on windows nor on threads.
"""

import numpy as np

from ..._jit import kernel
from .calendar import drop_chain, push_near
from .tables import BLOCK, NEVER, RECORD, Desk


@kernel
def _new_job(desks, members, neurons, scratch, i):
    """A job for a neuron that has none in this window."""
    m = members[0]
    for other in members:
        if 0 <= i - desks[other, Desk.FIRST] < desks[other, Desk.N]:
            m = other
    first = desks[m, Desk.FIRST]
    job = first + desks[m, Desk.N_JOBS]
    desks[m, Desk.N_JOBS] += 1
    scratch.jobs[job] = i - first
    scratch.ends[job] = 0
    neurons.job[i] = job
    return job


@kernel
def _count(calendar, stage, slot, limit, desks, members, neurons, scratch, ports):
    """Who has arrivals before ``limit``, how many, or has to be looked at?"""
    size = neurons.last.size
    left, block = np.int64(calendar.fills[stage, slot]), np.int64(calendar.heads[stage, slot])
    while left > 0:
        inside = (left - 1) % BLOCK + 1
        for k in range(inside):
            place = np.uint64((block * BLOCK + k) * RECORD)
            time = calendar.records[place]
            if time >= limit:
                continue
            i = np.int64(calendar.records[place + np.uint64(2)])
            port = np.int64(0)
            while i >= size:
                i -= size
                port += 1
            job = np.int64(neurons.job[np.uint64(i)])
            if job < 0:
                job = _new_job(desks, members, neurons, scratch, i)
            if port < ports:
                scratch.ends[np.uint64(job)] += 1
            elif time == neurons.look[i]:
                neurons.look[i] = NEVER
        left -= inside
        block = np.int64(calendar.after[block])


@kernel
def _distribute(calendar, stage, slot, limit, neurons, scratch, ports):
    """Put each arrival behind the earlier ones of its neuron; returns how many records stay."""
    size = neurons.last.size
    left, block = np.int64(calendar.fills[stage, slot]), np.int64(calendar.heads[stage, slot])
    kept, arrivals = np.int64(0), scratch.arrivals
    while left > 0:
        inside = (left - 1) % BLOCK + 1
        for k in range(inside):
            place = np.uint64((block * BLOCK + k) * RECORD)
            time, weight = calendar.records[place], calendar.records[place + np.uint64(1)]
            code = calendar.records[place + np.uint64(2)]
            if time >= limit:
                scratch.kept[kept, 0], scratch.kept[kept, 1] = time, weight
                scratch.kept[kept, 2] = code
                kept += 1
                continue
            i = np.int64(code)
            port = np.int64(0)
            while i >= size:
                i -= size
                port += 1
            if port < ports:
                job = np.uint64(neurons.job[np.uint64(i)])
                at = np.uint64(scratch.ends[job]) * np.uint64(RECORD)
                scratch.ends[job] += 1
                arrivals[at], arrivals[at + np.uint64(1)] = time, weight
                arrivals[at + np.uint64(2)] = port
        left -= inside
        block = np.int64(calendar.after[block])
    return kept


@kernel
def _is_before(a, j, t, weight, port):
    """Does the record at ``j`` come before (t, weight, port)?"""
    if a[j] != t:
        return a[j] < t
    if a[j + 2] != port:
        return a[j + 2] < port
    return a[j + 1] < weight


@kernel
def sort_arrivals(a, begin, end):
    """Shell sort of the records begin..end by time, port and weight."""
    gap = np.int64(1)
    while gap * 3 < end - begin:
        gap = 3 * gap + 1
    while gap > 0:
        for k in range(begin + gap, end):
            at = k * RECORD
            if not _is_before(a, at, a[at - gap * RECORD], a[at - gap * RECORD + 1],
                              a[at - gap * RECORD + 2]):  # fmt: skip
                continue
            t, w, p = a[at], a[at + 1], a[at + 2]
            place = k
            while place - gap >= begin and not _is_before(a, (place - gap) * RECORD, t, w, p):
                for c in range(RECORD):
                    a[place * RECORD + c] = a[(place - gap) * RECORD + c]
                place -= gap
            a[place * RECORD], a[place * RECORD + 1], a[place * RECORD + 2] = t, w, p
        gap //= 3


@kernel
def gather(calendar, control, stage, slot, limit, desks, members, neurons, scratch, ports):
    """Sort the records of a slot before ``limit`` by neuron and time; the others stay."""
    for m in members:
        desks[m, Desk.N_JOBS] = desks[m, Desk.NEXT] = 0
    if calendar.fills[stage, slot] == 0:
        return
    _count(calendar, stage, slot, limit, desks, members, neurons, scratch, ports)
    total = np.int64(0)
    for m in members:
        first = desks[m, Desk.FIRST]
        for job in range(first, first + desks[m, Desk.N_JOBS]):
            n = scratch.ends[job]
            scratch.begins[job] = scratch.ends[job] = total
            total += n
    kept = _distribute(calendar, stage, slot, limit, neurons, scratch, ports)
    drop_chain(calendar, control, stage, slot)
    for k in range(kept):
        record = scratch.kept[k]
        push_near(calendar, control, stage, slot, record[0], record[1], record[2])
    for m in members:
        first = desks[m, Desk.FIRST]
        for job in range(first, first + desks[m, Desk.N_JOBS]):
            neurons.job[first + scratch.jobs[job]] = -1
            if scratch.ends[job] - scratch.begins[job] > 1:
                sort_arrivals(scratch.arrivals, scratch.begins[job], scratch.ends[job])
