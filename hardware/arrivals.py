"""Which neurons do arrivals touch, and where do messages go? The kernels of the census."""

from neurosim._jit import kernel


@kernel
def count_arrivals(ticks, ids, wires, window, seen, active, sums, per_step):
    """Count the arrivals of ``window`` = (start, stop), and who was active in it.

    Parameters
    ----------
    ticks, ids : int64[k]           spikes that may arrive in the window, and those in it
    wires : tuple                   indptr, post, delay, projection, core_of
    window : (int, int)             start <= tick < stop
    seen : uint8[>= stop - start, n]  scratch, zero before
    active : int64[n]               ticks with an arrival or a spike; added to
    sums : (int64[n_projections], int64[n_cores])   synaptic operations; added to
    per_step : int32[3, n_steps or 0, n_cores]      synops, active, spikes; added to
    """
    indptr, post, delay, projection, core_of = wires
    start, stop = window
    per_projection, per_core = sums
    n = active.size
    keep = per_step.shape[1] > 0
    for s in range(ticks.size):
        tick, pre = ticks[s], ids[s]
        if tick >= start and pre < n:
            if keep:
                per_step[2, tick, core_of[pre]] += 1
            if seen[tick - start, pre] == 0:
                seen[tick - start, pre] = 1
                active[pre] += 1
                if keep:
                    per_step[1, tick, core_of[pre]] += 1
        for i in range(indptr[pre], indptr[pre + 1]):
            arrival = tick + delay[i]
            if arrival < start or arrival >= stop:
                continue
            target = post[i]
            core = core_of[target]
            per_projection[projection[i]] += 1
            per_core[core] += 1
            if keep:
                per_step[0, arrival, core] += 1
            if seen[arrival - start, target] == 0:
                seen[arrival - start, target] = 1
                active[target] += 1
                if keep:
                    per_step[1, arrival, core] += 1


@kernel
def count_messages(emitted, starts, targets, core_of, places, totals, per_core):
    """Count messages and their hops; spikes of sources enter from outside.

    Parameters
    ----------
    emitted : int64[n_total]        spikes of each neuron and source
    starts, targets                 distinct target cores, as rows
    core_of : int32[n]
    places : int64[n_cores, 3]      x, y, chip
    totals : int64[6]               messages, external, hops x, hops y, in tile, chips; added to
    per_core : (int64[n_cores], int64[n_cores])     axon events in and out; added to
    """
    axons_in, axons_out = per_core
    for pre in range(emitted.size):
        spikes = emitted[pre]
        if spikes == 0:
            continue
        for k in range(starts[pre], starts[pre + 1]):
            target = targets[k]
            axons_in[target] += spikes
            if pre >= core_of.size:
                totals[1] += spikes
                continue
            core = core_of[pre]
            x = abs(places[core, 0] - places[target, 0])
            y = abs(places[core, 1] - places[target, 1])
            axons_out[core] += spikes
            totals[0] += spikes
            totals[2] += spikes * x
            totals[3] += spikes * y
            if x == 0 and y == 0:
                totals[4] += spikes
            totals[5] += spikes * abs(places[core, 2] - places[target, 2])
