"""Which neurons do arrivals touch, tick by tick? The kernel of the census."""

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
