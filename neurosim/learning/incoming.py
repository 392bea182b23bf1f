"""Which arrivals did each neuron have in a sample, and what was its state after each?

Arrivals are made again from the spikes and the delays, so that nothing but spikes is kept
between the run and the way back.
"""

import numpy as np

from .._jit import FLOAT64, address_of, kernel, view
from ..engine.exact.sorting import sort_records
from .propagate import held

(TIME, SPIKE, SYNAPSE) = range(3)  # of an arrival


@kernel
def most_arrivals(graph, record, members, n_samples):
    """The largest number of arrivals, and of spikes, that populations have in a sample."""
    populations = graph.firsts.size - 1
    most = most_spikes = np.int64(0)
    for sample in range(n_samples):
        arrivals = spikes = np.int64(0)
        for j in range(graph.pre.size):
            if not _has(members, graph.post[j]):
                continue
            cell = sample * populations + graph.pre[j]
            for k in range(record.starts[cell], record.starts[cell + 1]):
                row = graph.rows[j] + record.ids[k]
                arrivals += graph.starts[row + 1] - graph.starts[row]
        for p in members:
            cell = sample * populations + p
            spikes += record.starts[cell + 1] - record.starts[cell]
        most, most_spikes = max(most, arrivals), max(most_spikes, spikes)
    return most, most_spikes


@kernel
def _has(members, p):
    found = False
    for m in members:
        found |= m == p
    return found


@kernel
def _each(graph, record, members, sample, arrivals, is_counting):
    """Count the arrivals of each neuron, or put them behind its earlier ones."""
    populations = graph.firsts.size - 1
    for j in range(graph.pre.size):
        if not _has(members, graph.post[j]):
            continue
        cell = sample * populations + graph.pre[j]
        for k in range(record.starts[cell], record.starts[cell + 1]):
            row = graph.rows[j] + record.ids[k]
            for synapse in range(graph.starts[row], graph.starts[row + 1]):
                e = np.uint64(synapse)
                time = record.times[k] + graph.delays[e]
                n = np.uint64(graph.targets[e])
                if time >= arrivals.limits[n]:
                    continue
                if not is_counting:
                    place = np.uint64(arrivals.left[n])
                    arrivals.come[place, TIME] = time
                    arrivals.come[place, SPIKE], arrivals.come[place, SYNAPSE] = k, synapse
                arrivals.left[n] += 1


@kernel
def _places(counts, begin, first, end, total):
    """From the number of each neuron's items to where they begin; the counts follow."""
    for n in range(first, end):
        begin[n] = total
        total += counts[n]
        counts[n] = begin[n]
    return total


@kernel
def collect(graph, record, members, sample, until, arrivals, is_read):
    """Gather the arrivals before ``until``, and the spikes, of the neurons of some populations.

    What arrives at cells with a threshold after their last spike changes nothing, and is left out.
    """
    populations = graph.firsts.size - 1
    for p in members:
        first, cell = graph.firsts[p], sample * populations + p
        for n in range(first, graph.firsts[p + 1]):
            arrivals.left[n] = arrivals.fired_left[n] = 0
            arrivals.limits[n] = until if is_read else 0.0
        for k in range(record.starts[cell], record.starts[cell + 1]):
            n = first + record.ids[k]
            arrivals.limits[n] = max(arrivals.limits[n], record.times[k])
    _each(graph, record, members, sample, arrivals, True)
    total = n_spikes = np.int64(0)
    for p in members:
        first, end = graph.firsts[p], graph.firsts[p + 1]
        total = _places(arrivals.left, arrivals.begin, first, end, total)
        cell = sample * populations + p
        for k in range(record.starts[cell], record.starts[cell + 1]):
            arrivals.fired_left[first + record.ids[k]] += 1
        n_spikes = _places(arrivals.fired_left, arrivals.fired, first, end, n_spikes)
        for k in range(record.starts[cell], record.starts[cell + 1]):
            n = first + record.ids[k]
            arrivals.emissions[arrivals.fired_left[n]] = k
            arrivals.fired_left[n] += 1
    _each(graph, record, members, sample, arrivals, False)
    come = view(address_of(arrivals.come), arrivals.come.size, FLOAT64)
    for p in members:
        for n in range(graph.firsts[p], graph.firsts[p + 1]):
            if arrivals.left[n] - arrivals.begin[n] > 1:
                sort_records(
                    come, arrivals.begin[n], arrivals.left[n], arrivals.spare, arrivals.counts
                )


@kernel
def retrace(graph, cells, record, arrivals, n, until):
    """The state of a neuron after each of its arrivals, and at the end of refractory periods."""
    rate_m, lift, rest = cells.rate_m[n], cells.lift[n], cells.v_inf[n]
    now, free, v = 0.0, 0.0, cells.v0[n]
    i, j = cells.i0[n, 0], cells.i0[n, 1]
    k, own, latest = arrivals.begin[n], arrivals.fired[n], np.int64(-1)
    since = np.int64(-1)  # the arrival that was the last event
    while True:
        to, is_spike = until, False
        if k < arrivals.left[n]:
            to = arrivals.come[k, TIME]
        if own < arrivals.fired_left[n] and record.times[arrivals.emissions[own]] <= to:
            to, is_spike = record.times[arrivals.emissions[own]], True
        if now < free and free <= to:
            to, is_spike = free, False
        is_end = now < free and to == free
        leak, left, gain, left_j, gain_j = 1.0, 1.0, 0.0, 1.0, 0.0
        if to > now:  # many inputs come at the same time as others
            leak, left, gain = held(to - now, rate_m, cells.rate[n, 0])
            if cells.rate[n, 1] > 0.0:
                _, left_j, gain_j = held(to - now, rate_m, cells.rate[n, 1])
        if since >= 0:
            arrivals.leaks[since] = leak
            arrivals.lefts[since, 0], arrivals.lefts[since, 1] = left, left_j
            arrivals.gains[since, 0], arrivals.gains[since, 1] = gain, gain_j
            since = np.int64(-1)
        if now >= free:
            v = rest + (v - rest) * leak + cells.drift[n] * (to - now)
            v += lift * (i * gain + j * gain_j)
        i, j, now = i * left, j * left_j, to
        if is_end:
            arrivals.ends[latest, 0], arrivals.ends[latest, 1] = i, j
        elif is_spike:
            v, latest, free = cells.v_reset[n], own, now + cells.dead[n]
            arrivals.ends[own, 0], arrivals.ends[own, 1] = i, j
            own += 1
        elif k < arrivals.left[n]:
            e = np.int64(arrivals.come[k, SYNAPSE])
            if graph.ports[e] == 0:
                i += graph.weights[e]
            else:
                j += graph.weights[e]
            arrivals.v[k], arrivals.currents[k, 0], arrivals.currents[k, 1] = v, i, j
            since = k
            k += 1
        else:
            return v, i, j
