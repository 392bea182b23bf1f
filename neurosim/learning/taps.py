"""How does a delay between grid points act? Through several taps, weighted by a Gaussian.

A synapse of delay d adds weight * G_k to its target's input k steps after a spike,

    G_k = q_k / sum q,   q_k = e^{-(k - d / dt)^2 / (2 width^2)}

for the taps within three widths, so that d has a derivative (Hammouamri, Khalfaoui-Hassani and
Masquelier 2024, arXiv 2306.17670). With width 0 there is one tap: the nearest step, as in
the clock engine.
"""

import math
from typing import NamedTuple

import numpy as np

from .._jit import kernel
from ..connectivity.delays import step_of

_SPREAD = 3.0  # widths
_FAR = 1e9  # steps: no sample lasts so long


class Taps(NamedTuple):
    """The taps of all synapses.

    Attributes
    ----------
    first : int64 (synapses,)           step of the first tap
    share : float64 (synapses, taps)    G
    slope : float64 (synapses, taps)    dG / dd [1/ms]
    """

    first: np.ndarray
    share: np.ndarray
    slope: np.ndarray


@kernel
def _fill(delays, dt, width, begin, end, least, first, share, slope):
    """Taps of the synapses begin..end, none of them before the step ``least``."""
    n = share.shape[1]
    for e in range(begin, end):
        place = min(delays[e] / dt, _FAR)
        if width == 0.0:
            first[e], share[e, 0] = max(step_of(place, 1.0), least), 1.0
            continue
        first[e] = max(np.int64(math.ceil(place - _SPREAD * width)), least)
        total = total_slope = 0.0
        for k in range(n):
            x = (first[e] + k - place) / width
            if x <= _SPREAD or k == 0:
                share[e, k] = math.exp(-0.5 * x * x)
                slope[e, k] = share[e, k] * x / (width * dt)
                total += share[e, k]
                total_slope += slope[e, k]
        for k in range(n):
            share[e, k] /= total
            slope[e, k] = (slope[e, k] - share[e, k] * total_slope) / total


def taps_of(
    delays: np.ndarray, ends: np.ndarray, least: np.ndarray, dt: float, width: float
) -> Taps:
    """The taps of all projections.

    Parameters
    ----------
    delays : float64 (synapses,)        [ms]
    ends : int (projections,)           where the synapses of each projection end
    least : int (projections,)          the earliest tap of each
    width : float                       in steps
    """
    n = 1 if width == 0.0 else int(2 * _SPREAD * width) + 1
    first = np.zeros(delays.size, np.int64)
    share, slope = np.zeros((delays.size, n)), np.zeros((delays.size, n))
    begin = 0
    for end, earliest in zip(ends, least, strict=True):
        _fill(delays, dt, width, begin, int(end), int(earliest), first, share, slope)
        begin = int(end)
    return Taps(first, share, slope)


@kernel
def deliver(graph, taps, projection, fired, step, inputs):
    """Add the arrivals of the spikes of one step to the inputs of later ones.

    Parameters
    ----------
    fired : uint8 (samples * n_pre,)        how often
    inputs : float64 (steps, ports, samples * n_post)
    """
    j = projection
    pre, post = graph.pre[j], graph.post[j]
    n_pre = graph.firsts[pre + 1] - graph.firsts[pre]
    first, n_post = graph.firsts[post], graph.firsts[post + 1] - graph.firsts[post]
    for place in range(fired.size):
        if fired[place] == 0:
            continue
        sample, i = place // n_pre, place % n_pre
        row = graph.rows[j] + i
        for e in range(graph.starts[row], graph.starts[row + 1]):
            target = sample * n_post + graph.targets[e] - first
            weight, at = graph.weights[e] * fired[place], step + taps.first[e]
            for k in range(min(taps.share.shape[1], inputs.shape[0] - at)):
                inputs[at + k, graph.ports[e], target] += weight * taps.share[e, k]


@kernel
def deliver_back(graph, taps, projection, fired, leans, step, by_inputs, by_spike, weights, delays):
    """The same in reverse: derivatives by weights, delays and spikes of one step.

    Parameters
    ----------
    leans : float64 (samples * n_pre,)      derivatives of spikes; 0: nobody asks
    by_inputs : float64 (steps, ports, samples * n_post)
    by_spike : float64 (samples * n_pre,)   added to
    weights, delays : float64 (synapses,)   added to
    """
    j = projection
    pre, post = graph.pre[j], graph.post[j]
    n_pre = graph.firsts[pre + 1] - graph.firsts[pre]
    first, n_post = graph.firsts[post], graph.firsts[post + 1] - graph.firsts[post]
    for place in range(fired.size):
        if fired[place] == 0 and leans[place] == 0.0:
            continue
        sample, i = place // n_pre, place % n_pre
        row, total = graph.rows[j] + i, 0.0
        for e in range(graph.starts[row], graph.starts[row + 1]):
            target = sample * n_post + graph.targets[e] - first
            at = step + taps.first[e]
            by_weight = by_place = 0.0
            for k in range(min(taps.share.shape[1], by_inputs.shape[0] - at)):
                wanted = by_inputs[at + k, graph.ports[e], target]
                by_weight += wanted * taps.share[e, k]
                by_place += wanted * taps.slope[e, k]
            total += graph.weights[e] * by_weight
            weights[e] += fired[place] * by_weight
            delays[e] += fired[place] * graph.weights[e] * by_place
        by_spike[place] += total
