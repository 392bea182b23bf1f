"""What does a leaky integrator show in a sample, and how does that depend on its arrivals?

Its potential is linear in the arrivals, so the way back needs no march. An arrival of weight w
at s adds w K(s) to

* the potential at its peak t_p:   K(s) = lift gain(t_p - s),
* F = int_0^T e^{-t/decay} v dt:   K(s) = lift H(s),

    H(s) = (A(rate_m) - A(rate)) / (rate - rate_m)
    A(x) = (e^{-s/decay} - e^{-T/decay} e^{-(T - s) x}) / (1/decay + x)

and g_i = K(s), g_v = e^{-rate_m (t_p - s)} or A(rate_m), times dL/dF.
"""

import math

import numpy as np

from .._jit import kernel, shared
from .incoming import SPIKE, SYNAPSE, TIME, collect, retrace
from .propagate import gains

PEAK, INTEGRAL = range(2)
_CLOSE = 1e-4  # of (rate - rate_m) T: below, the limit is nearer than the quotient
_HALVINGS = 60


@shared
def _weighted(x, s, until, per_decay):
    """A(x), A'(x) and A''(x)."""
    span, rate = until - s, per_decay + x
    last = math.exp(-until * per_decay - span * x)
    value = (math.exp(-s * per_decay) - last) / rate
    first = (span * last - value) / rate
    return value, first, (-span * span * last - 2.0 * first) / rate


@shared
def _integral(s, until, per_decay, rate_m, rate):
    """(A(rate_m), H, -dH/drate_m, -dH/drate)."""
    slow, d_slow, _ = _weighted(rate_m, s, until, per_decay)
    gap = rate - rate_m
    if abs(gap) * until < _CLOSE:
        _, first, second = _weighted(0.5 * (rate_m + rate), s, until, per_decay)
        return slow, -first, 0.5 * second, 0.5 * second
    fast, d_fast, _ = _weighted(rate, s, until, per_decay)
    h = (slow - fast) / gap
    return slow, h, -(d_slow + h) / gap, (d_fast + h) / gap


@kernel
def _v_after(cells, n, dt, v, i, j):
    """(v, v') after ``dt`` without arrivals."""
    leak, left, gain, _, _ = gains(dt, cells.rate_m[n], cells.rate[n, 0])
    left_j = gain_j = 0.0
    if cells.rate[n, 1] > 0.0:
        _, left_j, gain_j, _, _ = gains(dt, cells.rate_m[n], cells.rate[n, 1])
    held = i * gain + j * gain_j
    rest = cells.v_inf[n]
    v = rest + (v - rest) * leak + cells.lift[n] * held
    return v, cells.rate_m[n] * (rest - v) + cells.lift[n] * (i * left + j * left_j)


@kernel
def _top(cells, n, span, v, i, j):
    """Where v is highest within ``span``: at an end, or where v' falls through zero."""
    v_end, slope_end = _v_after(cells, n, span, v, i, j)
    _, slope = _v_after(cells, n, 0.0, v, i, j)
    if slope > 0.0 and slope_end < 0.0:
        low, high = 0.0, span
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            if _v_after(cells, n, middle, v, i, j)[1] > 0.0:
                low = middle
            else:
                high = middle
        return low, _v_after(cells, n, low, v, i, j)[0]
    return (span, v_end) if v_end > v else (0.0, v)


@kernel
def read(
    graph, cells, record, arrivals, members, n_samples, until, kind, per_decay, values, peaks
):  # fmt: skip
    """What the neurons of a population show, sample by sample: (n_samples, n) values and peaks."""
    p = members[0]
    first = graph.firsts[p]
    for sample in range(n_samples):
        collect(graph, record, members, sample, until, arrivals, True)
        for n in range(first, graph.firsts[p + 1]):
            if kind == PEAK:
                retrace(graph, cells, record, arrivals, n, until)
                now, v, i, j = 0.0, cells.v0[n], cells.i0[n, 0], cells.i0[n, 1]
                best, at = v, 0.0
                for k in range(arrivals.begin[n], arrivals.left[n] + 1):
                    to = arrivals.come[k, TIME] if k < arrivals.left[n] else until
                    place, top = _top(cells, n, to - now, v, i, j)
                    if top > best:
                        best, at = top, now + place
                    if k < arrivals.left[n]:
                        now, v = to, arrivals.v[k]
                        i, j = arrivals.currents[k, 0], arrivals.currents[k, 1]
                values[sample, n - first], peaks[sample, n - first] = best, at
            else:
                total = _start(cells, n, until, per_decay)
                for k in range(arrivals.begin[n], arrivals.left[n]):
                    e = np.int64(arrivals.come[k, SYNAPSE])
                    rate = cells.rate[n, graph.ports[e]]
                    h = _integral(arrivals.come[k, TIME], until, per_decay, cells.rate_m[n], rate)[
                        1
                    ]
                    total += graph.weights[e] * cells.lift[n] * h
                values[sample, n - first] = total


@kernel
def _start(cells, n, until, per_decay):
    """What the rest and the initial state add to the integral."""
    a = _weighted(cells.rate_m[n], 0.0, until, per_decay)[0]
    span = until if per_decay == 0.0 else -math.expm1(-until * per_decay) / per_decay
    total = cells.v_inf[n] * span + (cells.v0[n] - cells.v_inf[n]) * a
    for port in range(2):
        if cells.rate[n, port] > 0.0:
            h = _integral(0.0, until, per_decay, cells.rate_m[n], cells.rate[n, port])[1]
            total += cells.i0[n, port] * cells.lift[n] * h
    return total


@kernel
def _unit(cells, n, port, s, until, at, kind, per_decay):
    """By the state at ``s``, of the quantity: (by v, by i / lift, and the latter by the rates)."""
    rate_m, rate = cells.rate_m[n], cells.rate[n, port]
    if kind == PEAK:
        leak, _, gain, slow, fast = gains(at - s, rate_m, rate)
        return leak, gain, slow, fast
    return _integral(s, until, per_decay, rate_m, rate)


@kernel
def _from_start(cells, n, until, at, kind, per_decay, c, totals):
    """Add what comes through the rest and the initial state."""
    rest = c * (cells.v0[n] - cells.v_inf[n])
    if kind == PEAK:
        span, leak = 1.0, math.exp(-cells.rate_m[n] * at)
        by_rate = -at * leak
    else:
        span = until if per_decay == 0.0 else -math.expm1(-until * per_decay) / per_decay
        leak, by_rate, _ = _weighted(cells.rate_m[n], 0.0, until, per_decay)
    totals.v0[n] += c * leak
    totals.v_inf[n] += c * (span - leak)
    totals.rate_m[n] += rest * by_rate
    for port in range(2):
        if cells.rate[n, port] > 0.0:
            _, gain, slow, fast = _unit(cells, n, port, 0.0, until, at, kind, per_decay)
            current = c * cells.i0[n, port]
            totals.i0[n, port] += c * cells.lift[n] * gain
            totals.lift[n] += current * gain
            totals.rate_m[n] -= current * cells.lift[n] * slow
            totals.rate[n, port] -= current * cells.lift[n] * fast


@kernel
def pull(
    graph, cells, record, arrivals, drive, totals, members, n_samples, until, kind, per_decay,
    peaks, wanted,
):  # fmt: skip
    """Add the derivatives that come through a population's read-outs.

    Parameters
    ----------
    peaks, wanted : float64 (n_samples, n)      what `read` found, and dL by what it returned
    """
    p = members[0]
    first = graph.firsts[p]
    for sample in range(n_samples):
        collect(graph, record, members, sample, until, arrivals, True)
        for n in range(first, graph.firsts[p + 1]):
            c, at = wanted[sample, n - first], peaks[sample, n - first]
            if c == 0.0:
                continue
            _from_start(cells, n, until, at, kind, per_decay, c, totals)
            slope = 0.0
            for k in range(arrivals.begin[n], arrivals.left[n]):
                s, e = arrivals.come[k, TIME], np.int64(arrivals.come[k, SYNAPSE])
                if kind == PEAK and s >= at:
                    break
                port, weight = np.int64(graph.ports[e]), graph.weights[e]
                by_v, gain, slow, fast = _unit(cells, n, port, s, until, at, kind, per_decay)
                g_i = c * cells.lift[n] * gain
                shift = weight * (cells.rate[n, port] * g_i - cells.lift[n] * c * by_v)
                totals.weights[e] += g_i
                totals.delays[e] += shift
                drive[np.int64(arrivals.come[k, SPIKE])] += shift
                totals.lift[n] += c * weight * gain
                totals.rate_m[n] -= c * weight * cells.lift[n] * slow
                totals.rate[n, port] -= c * weight * cells.lift[n] * fast
            if kind == PEAK and at > 0.0:
                slope = _kink(graph, cells, record, arrivals, n, at, until)
                if slope != 0.0:
                    k = _arrival_at(arrivals, n, at)
                    totals.delays[np.int64(arrivals.come[k, SYNAPSE])] += c * slope
                    drive[np.int64(arrivals.come[k, SPIKE])] += c * slope


@kernel
def _arrival_at(arrivals, n, at):
    """The number of the arrival at a time, or -1."""
    for k in range(arrivals.begin[n], arrivals.left[n]):
        if arrivals.come[k, TIME] == at:
            return k
    return np.int64(-1)


@kernel
def _kink(graph, cells, record, arrivals, n, at, until):
    """v' before a peak that an arrival cuts off, which moves along with the arrival; else 0."""
    k = _arrival_at(arrivals, n, at)
    if k < 0:
        return 0.0
    retrace(graph, cells, record, arrivals, n, until)
    e = np.int64(arrivals.come[k, SYNAPSE])
    current = arrivals.currents[k, 0] + arrivals.currents[k, 1] - graph.weights[e]
    return cells.rate_m[n] * (cells.v_inf[n] - arrivals.v[k]) + cells.lift[n] * current
