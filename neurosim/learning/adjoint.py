"""How does the loss depend on what happened before? Back in time, from event to event.

Let g_v and g_i be the derivatives of the loss by the state (v, i) of a neuron at a time. Between
events (v, i) goes through a linear map, and g back through its transpose:

    g_v(t) = e^{-rate_m dt} g_v(t + dt)
    g_i(t) = e^{-rate dt} g_i(t + dt) + lift gain(dt) g_v(t + dt)

An arrival of weight w at time s, in reverse:

    dL/dw += g_i,   dL/ds = w (rate g_i - lift g_v)            g itself does not jump

A spike at t_k, with the refractory period r, D_k = dL/dt_k from the loss and from all arrivals
that it caused, v' just before it and v'_+ at the end of the period, where h = g_v:

    g_v(t_k) = (v'_+ h - D_k) / v',   dL/dv_th -= g_v(t_k),   g_v = 0 inside the period

A shift of the input's spikes, or of delays, is a shift of s. With g_v = -tau_m lambda_V and
g_i = -tau_syn lambda_I these are the equations of Wunderlich and Pehle (2021,
doi 10.1038/s41598-021-91786-z), with the delays of Meszaros, Knight and Nowotny (2025,
arXiv 2501.07331) and, new here, refractory periods.
"""

import math

import numpy as np

from .._jit import kernel
from .incoming import SPIKE, SYNAPSE, TIME, collect, retrace
from .propagate import gains, held

NEVER = -1.0


@kernel
def _of_cells(cells, adjoint, totals, n, dt, v, i, j):
    """Derivatives by the parameters of the flow, over ``dt`` from the state (v, i, j) on."""
    g_v, lift = adjoint.v[n], cells.lift[n]
    for port in range(2):
        rate = cells.rate[n, port]
        if rate > 0.0:
            current = i if port == 0 else j
            _, left, gain, slow, fast = gains(dt, cells.rate_m[n], rate)
            totals.rate[n, port] -= current * (adjoint.i[n, port] * dt * left + g_v * lift * fast)
            totals.rate_m[n] -= g_v * lift * current * slow
            totals.lift[n] += g_v * current * gain
    leak, span = math.exp(-cells.rate_m[n] * dt), dt
    if cells.rate_m[n] > 0.0:
        span = -math.expm1(-cells.rate_m[n] * dt) / cells.rate_m[n]
    totals.rate_m[n] -= g_v * (v - cells.v_inf[n]) * dt * leak
    totals.drift[n] += g_v * span
    totals.v_inf[n] += g_v * span * cells.rate_m[n]


@kernel
def _draw_back(cells, arrivals, adjoint, totals, n, to, since, v, i, j, of_cells):
    """From now to an earlier time, of the arrival ``since`` (or -1), and the state (v, i, j)."""
    dt = adjoint.now[n] - to
    adjoint.now[n] = to
    g_v, g_i, g_j = adjoint.v[n], adjoint.i[n, 0], adjoint.i[n, 1]
    if dt == 0.0 or (g_v == 0.0 and g_i == 0.0 and g_j == 0.0):
        return
    if of_cells:
        _of_cells(cells, adjoint, totals, n, dt, v, i, j)
    if since >= 0:
        leak = arrivals.leaks[since]
        left, gain = arrivals.lefts[since, 0], arrivals.gains[since, 0]
        left_j, gain_j = arrivals.lefts[since, 1], arrivals.gains[since, 1]
    else:
        leak, left, gain = held(dt, cells.rate_m[n], cells.rate[n, 0])
        left_j = gain_j = 0.0
        if cells.rate[n, 1] > 0.0:
            _, left_j, gain_j = held(dt, cells.rate_m[n], cells.rate[n, 1])
    lifted = g_v * cells.lift[n]
    adjoint.i[n, 0], adjoint.i[n, 1] = g_i * left + lifted * gain, g_j * left_j + lifted * gain_j
    adjoint.v[n] = g_v * leak


@kernel
def _slope(cells, n, v, i, j):
    return cells.rate_m[n] * (cells.v_inf[n] - v) + cells.drift[n] + cells.lift[n] * (i + j)


@kernel
def _arrive(graph, cells, arrivals, adjoint, drive, totals, n, k):
    """An arrival, in reverse: its weight, its delay, and the spike that it came from."""
    e = np.int64(arrivals.come[k, SYNAPSE])
    port = np.int64(graph.ports[e])
    g_i = adjoint.i[n, port]
    shift = graph.weights[e] * (cells.rate[n, port] * g_i - cells.lift[n] * adjoint.v[n])
    totals.weights[e] += g_i
    totals.delays[e] += shift
    drive[np.int64(arrivals.come[k, SPIKE])] += shift


@kernel
def _fire(cells, record, arrivals, adjoint, drive, totals, n, own, least_slope, push):
    """A spike, in reverse."""
    k = arrivals.emissions[own]
    before = _slope(cells, n, cells.v_th[n], record.currents[k, 0], record.currents[k, 1])
    after = _slope(cells, n, cells.v_reset[n], arrivals.ends[own, 0], arrivals.ends[own, 1])
    g_v = (after * adjoint.held[n] - drive[k]) / max(before, least_slope[n])
    totals.v_th[n] -= g_v
    adjoint.v[n], adjoint.resting[n] = g_v + push[k], 0


@kernel
def _back(
    graph, cells, record, arrivals, adjoint, drive, totals, n, until, least_slope, push, of_cells
):  # fmt: skip
    """All events of a neuron down to the time ``until``, in reverse."""
    while True:
        k, own = arrivals.left[n] - 1, arrivals.fired_left[n] - 1
        arrived = arrivals.come[k, TIME] if k >= arrivals.begin[n] else NEVER
        fired = NEVER
        if own >= arrivals.fired[n]:
            fired = record.times[arrivals.emissions[own]]
            if adjoint.resting[n] == 0:
                fired = min(fired + cells.dead[n], adjoint.now[n])
        if max(arrived, fired) < until or max(arrived, fired) < 0.0:
            return
        if arrived >= fired:
            state = arrivals.currents[k]
            _draw_back(
                cells, arrivals, adjoint, totals, n, arrived, k, arrivals.v[k], state[0], state[1],
                of_cells,
            )  # fmt: skip
            _arrive(graph, cells, arrivals, adjoint, drive, totals, n, k)
            arrivals.left[n] -= 1
        elif adjoint.resting[n] == 0:
            state = arrivals.ends[own]
            _draw_back(
                cells, arrivals, adjoint, totals, n, fired, -1, cells.v_reset[n], state[0],
                state[1], of_cells,
            )  # fmt: skip
            adjoint.held[n], adjoint.v[n], adjoint.resting[n] = adjoint.v[n], 0.0, 1
        else:
            state = record.currents[arrivals.emissions[own]]
            _draw_back(
                cells, arrivals, adjoint, totals, n, fired, -1, cells.v_reset[n], state[0],
                state[1], of_cells,
            )  # fmt: skip
            _fire(cells, record, arrivals, adjoint, drive, totals, n, own, least_slope, push)
            arrivals.fired_left[n] -= 1


@kernel
def _begin(cells, adjoint, n, until):
    adjoint.now[n], adjoint.v[n], adjoint.held[n], adjoint.resting[n] = until, 0.0, 0.0, 0
    adjoint.i[n, 0] = adjoint.i[n, 1] = 0.0


@kernel
def backward(
    graph, cells, record, arrivals, adjoint, drive, totals, members, window, n_samples, until,
    least_slope, push, of_cells,
):  # fmt: skip
    """Add the derivatives that come through the spikes of some populations.

    Parameters
    ----------
    graph, cells, record, arrivals, adjoint, totals : see :mod:`neurosim.learning.tables`
    drive : float64 (spikes,)       dL/dt of every spike; whole for the populations' own spikes
                                    but for what comes back to them; those before are added to
    members : int64 (k,)            populations that depend on each other
    window : float                  smallest delay between them [ms]; inf: there is none
    until : float                   length of a sample [ms]
    least_slope : float64 (n,)      v' at a spike is not taken for less
    push : float64 (spikes,)        added to g_v at each spike, see `RateTarget`
    of_cells : bool                 derivatives by time constants, lifts and biases, too
    """
    n_windows = np.int64(1) if window >= until else np.int64(until / window) + 1
    for sample in range(n_samples):
        collect(graph, record, members, sample, until, arrivals, False)
        for p in members:
            for n in range(graph.firsts[p], graph.firsts[p + 1]):
                retrace(graph, cells, record, arrivals, n, until)
                _begin(cells, adjoint, n, until)
        for w in range(n_windows - 1, -1, -1):
            down_to = w * window if w > 0 else 0.0
            for p in members:
                for n in range(graph.firsts[p], graph.firsts[p + 1]):
                    _back(
                        graph, cells, record, arrivals, adjoint, drive, totals, n, down_to,
                        least_slope, push, of_cells,
                    )  # fmt: skip
        for p in members:
            for n in range(graph.firsts[p], graph.firsts[p + 1]):
                i, j = cells.i0[n, 0], cells.i0[n, 1]
                _draw_back(
                    cells, arrivals, adjoint, totals, n, 0.0, -1, cells.v0[n], i, j, of_cells
                )
                totals.v0[n] += adjoint.v[n]
                totals.i0[n, 0] += adjoint.i[n, 0]
                totals.i0[n, 1] += adjoint.i[n, 1]
