"""How do spikes become arrivals? Each synapse of a spike puts one into the calendar."""

import numpy as np

from ..._jit import FLOAT64, INT32, INT64, kernel, prefetch, view
from .calendar import lengthen, push
from .stamped import send_stamped
from .tables import BLOCK, LINE, MORE_BLOCKS, MORE_FAR, NEVER, RECORD, Control, Desk, Link

_FETCHED = 256  # synapses; the processor goes on by itself


@kernel
def has_room(calendar, control, n):
    """Status: can ``n`` more records be put into the calendar?"""
    slots = calendar.fills.size
    if control[Control.N_FREE] < min(n, n // BLOCK + slots + 1):
        control[Control.NEED] = n
        return MORE_BLOCKS
    if calendar.far.shape[0] < control[Control.N_FAR] + n:
        control[Control.NEED] = n
        return MORE_FAR
    return 0


@kernel
def _send(calendar, control, link, neuron, time, payload, now, per_ms):
    """Put all arrivals of one spike through one projection into the calendar."""
    offsets = view(link[Link.OFFSETS], link[Link.N_OFFSETS], INT64)
    begin, end = offsets[neuron], offsets[neuron + 1]
    codes = view(link[Link.CODES], link[Link.SIZE], INT32)
    weights = view(link[Link.WEIGHTS], link[Link.N_WEIGHTS], FLOAT64)
    delays = view(link[Link.DELAYS], link[Link.N_DELAYS], FLOAT64)
    many, own = link[Link.N_WEIGHTS] > 1, link[Link.N_DELAYS] > 1
    stage = link[Link.STAGE]
    fills, heads = calendar.fills[stage], calendar.heads[stage]
    size, present = calendar.chains.size, np.float64(control[Control.WINDOW])
    mask, inside = np.uint64(size - 1), np.uint64(BLOCK - 1)
    for synapse in range(begin, end):
        k, zero = np.uint64(synapse), np.uint64(0)
        arrives = time + delays[k if own else zero]
        weight = weights[k if many else zero] * payload
        window = np.floor(arrives * per_ms)
        if per_ms == 0.0 or window - present >= size:
            push(calendar, control, stage, arrives, weight, codes[k], now, per_ms)
            continue
        slot = np.uint64(window) & mask
        fill = np.uint64(fills[slot])
        if fill & inside == np.uint64(0):
            lengthen(calendar, control, stage, slot)
        block = np.uint64(heads[slot]) * np.uint64(BLOCK)
        place = (block + (fill & inside)) * np.uint64(RECORD)
        calendar.records[place] = arrives
        calendar.records[place + np.uint64(1)] = weight
        calendar.records[place + np.uint64(2)] = codes[k]
        fills[slot] = fill + np.uint64(1)
    control[Control.ARRIVALS] += end - begin


@kernel
def _fetch(link, neuron, following):
    """Ask for the first synapses of a neuron, and where those of the following one begin."""
    offsets = view(link[Link.OFFSETS], link[Link.N_OFFSETS], INT64)
    prefetch(offsets, following)
    begin, end = offsets[neuron], min(offsets[neuron + 1], offsets[neuron] + _FETCHED)
    codes = view(link[Link.CODES], link[Link.SIZE], INT32)
    for k in range(begin, end, LINE // 4):
        prefetch(codes, k)
    for values, n in ((Link.WEIGHTS, Link.N_WEIGHTS), (Link.DELAYS, Link.N_DELAYS)):
        if link[n] > 1:
            of_each = view(link[values], link[n], FLOAT64)
            for k in range(begin, end, LINE // 8):
                prefetch(of_each, k)


@kernel
def _route(calendar, control, desk, links, begin, now, per_ms):
    """Send the spikes of a part from number ``begin`` on; returns (status, how far it came)."""
    times = view(desk[Desk.OUT_TIMES], desk[Desk.ROOM], FLOAT64)
    ids = view(desk[Desk.OUT_IDS], desk[Desk.ROOM], INT32)
    graded = desk[Desk.OUT_PAYLOADS] != 0
    payloads = view(desk[Desk.OUT_PAYLOADS], desk[Desk.ROOM] if graded else 0, FLOAT64)
    last = desk[Desk.N_OUT] - 1
    for k in range(begin, desk[Desk.N_OUT]):
        need = np.int64(0)
        for row in range(links.shape[0]):  # all or nothing, so that no arrival is sent twice
            link = links[row]
            offsets = view(link[Link.OFFSETS], link[Link.N_OFFSETS], INT64)
            need += offsets[ids[k] + 1] - offsets[ids[k]]
        status = has_room(calendar, control, need)
        if status != 0:
            return status, k
        for row in range(links.shape[0] if k + 1 < desk[Desk.N_OUT] else 0):
            if links[row, Link.STAMPED] == 0:
                _fetch(links[row], np.int64(ids[k + 1]), np.int64(ids[min(k + 2, last)]))
        payload = payloads[k] if graded else 1.0
        for row in range(links.shape[0]):
            given = (np.int64(ids[k]), times[k], payload, now, per_ms)
            if links[row, Link.STAMPED] != 0:
                send_stamped(calendar, control, links[row], *given)
            else:
                _send(calendar, control, links[row], *given)
    return 0, desk[Desk.N_OUT]


@kernel
def route(wiring, calendar, control, p, now, per_ms):
    """Send the new spikes of a population to this part's neurons; a status."""
    links = wiring.links[wiring.outgoing[p] : wiring.outgoing[p + 1]]
    if wiring.desks[p, Desk.ATTEND] == -1:  # every part has all spikes of a source
        status, wiring.routed[p, 0] = _route(
            calendar, control, wiring.desks[p], links, wiring.routed[p, 0], now, per_ms
        )
        return status
    for part in range(wiring.all_desks.shape[0]):
        desk = wiring.all_desks[part, p]
        if wiring.routed[p, part] < desk[Desk.N_OUT]:
            status, wiring.routed[p, part] = _route(
                calendar, control, desk, links, wiring.routed[p, part], now, per_ms
            )
            if status != 0:
                return status
    return 0


@kernel
def watch(desk, neurons, calendar, control, bits, moments, per_ms):
    """Have a look at each job's neuron when its next crossing may be due; a status."""
    first, n_jobs = desk[Desk.FIRST], desk[Desk.N_JOBS]
    status = has_room(calendar, control, n_jobs)
    if status != 0:
        return status
    jobs = view(desk[Desk.JOBS], n_jobs, INT32)
    look = (1 << bits) - 1
    for job in jobs:
        i = first + job
        time = max(neurons.due[i], moments[1])  # what is before the window's end has been done
        if time < neurons.look[i] or neurons.look[i] < moments[1]:  # sooner, or over
            neurons.look[i] = time
            if time < NEVER:
                code = i << bits | look
                push(calendar, control, desk[Desk.STAGE], time, 0.0, code, moments[0], per_ms)
    return 0
