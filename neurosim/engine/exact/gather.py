"""Which arrivals has each neuron in this window? Taken from the calendar, by neuron, by time."""

import numpy as np

from ..._jit import kernel, lowest_bit
from .calendar import drop_chain, fetch_block, push_near
from .sorting import sort_records
from .tables import BLOCK, RECORD, Desk


@kernel
def _mark(calendar, stage, slot, limit, scratch, bits):
    """Who has something to do before ``limit``, and how many arrivals?"""
    left, block = np.int64(calendar.fills[stage, slot]), np.int64(calendar.heads[stage, slot])
    look = (1 << bits) - 1
    while left > 0:
        inside = (left - 1) % BLOCK + 1
        if left > inside:
            fetch_block(calendar, np.int64(calendar.after[block]))
        for k in range(inside):
            place = np.uint64((block * BLOCK + k) * RECORD)
            if calendar.records[place] >= limit:
                continue
            code = np.int64(calendar.records[place + np.uint64(2)])
            i = np.uint64(code >> bits)
            scratch.waiting[i] += np.int32(code & look != look)
            scratch.marks[i >> np.uint64(6)] |= np.uint64(1) << (i & np.uint64(63))
            scratch.pages[i >> np.uint64(12)] = 1
        left -= inside
        block = np.int64(calendar.after[block])


@kernel
def _line_up(desk, scratch, total):
    """The jobs of a population, neuron by neuron; returns where their arrivals end."""
    first = np.int64(desk[Desk.FIRST])
    job, word, end = first, first >> 6, (first + desk[Desk.N] + 63) >> 6
    while word < end:
        if scratch.pages[word >> 6] == 0:
            word = ((word >> 6) + 1) << 6
            continue
        left = scratch.marks[np.uint64(word)]
        scratch.marks[np.uint64(word)] = 0
        while left != np.uint64(0):
            i, place = (word << 6) + lowest_bit(left), np.uint64(job)
            left &= left - np.uint64(1)
            n = scratch.waiting[np.uint64(i)]
            scratch.jobs[place] = i - first
            scratch.begins[place] = scratch.waiting[np.uint64(i)] = total
            total += n
            scratch.ends[place] = total
            job += 1
        word += 1
    desk[Desk.N_JOBS] = job - first
    return total


@kernel
def _distribute(calendar, stage, slot, limit, scratch, bits):
    """Put each arrival behind the earlier ones of its neuron; returns how many records stay."""
    left, block = np.int64(calendar.fills[stage, slot]), np.int64(calendar.heads[stage, slot])
    look = (1 << bits) - 1
    kept, arrivals = np.int64(0), scratch.arrivals
    while left > 0:
        inside = (left - 1) % BLOCK + 1
        for k in range(inside):
            place = np.uint64((block * BLOCK + k) * RECORD)
            time, weight = calendar.records[place], calendar.records[place + np.uint64(1)]
            code = np.int64(calendar.records[place + np.uint64(2)])
            if time >= limit:
                scratch.kept[kept, 0], scratch.kept[kept, 1] = time, weight
                scratch.kept[kept, 2] = code
                kept += 1
            elif code & look != look:
                i = np.uint64(code >> bits)
                at = np.uint64(scratch.waiting[i]) * np.uint64(RECORD)
                scratch.waiting[i] += np.int32(1)
                arrivals[at], arrivals[at + np.uint64(1)] = time, weight
                arrivals[at + np.uint64(2)] = code & look
        left -= inside
        block = np.int64(calendar.after[block])
    return kept


@kernel
def gather(calendar, control, stage, slot, limit, desks, members, scratch, bits):
    """Sort the records of a slot before ``limit`` by neuron and time; the others stay."""
    for m in members:
        desks[m, Desk.N_JOBS] = desks[m, Desk.NEXT] = 0
    if calendar.fills[stage, slot] == 0:
        return
    _mark(calendar, stage, slot, limit, scratch, bits)
    total = np.int64(0)
    for m in members:
        total = _line_up(desks[m], scratch, total)
    kept = _distribute(calendar, stage, slot, limit, scratch, bits)
    drop_chain(calendar, control, stage, slot)
    for k in range(kept):
        record = scratch.kept[k]
        push_near(calendar, control, stage, slot, record[0], record[1], record[2])
    for m in members:
        first = np.int64(desks[m, Desk.FIRST])
        scratch.pages[first >> 12 : ((first + desks[m, Desk.N]) >> 12) + 1] = 0
        for k in range(first, first + desks[m, Desk.N_JOBS]):
            job = np.uint64(k)
            scratch.waiting[np.uint64(first + scratch.jobs[job])] = 0
            if scratch.ends[job] - scratch.begins[job] > 1:
                sort_records(
                    scratch.arrivals, scratch.begins[job], scratch.ends[job], scratch.spare,
                    scratch.counts,
                )  # fmt: skip
