"""Which arrays do the kernels of learning see? Synapses, cells, spikes, gradients."""

from typing import NamedTuple

import numpy as np

PORTS = 2  # room for so many currents of a cell


class Graph(NamedTuple):
    """The synapses of all projections, one after the other, each sorted by source.

    Attributes
    ----------
    pre, post : int64 (projections,)    populations
    rows : int64 (projections,)         where the projection's rows begin in ``starts``
    starts : int64                      the synapses of row r: starts[r]:starts[r + 1]
    targets : int32 (synapses,)         numbers of neurons, counted over all populations
    ports : uint8 (synapses,)
    weights, delays : float64 (synapses,)
    firsts : int64 (populations + 1,)   number of the first neuron of each population
    """

    pre: np.ndarray
    post: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    targets: np.ndarray
    ports: np.ndarray
    weights: np.ndarray
    delays: np.ndarray
    firsts: np.ndarray


class Cells(NamedTuple):
    """Each neuron's equation: v' = rate_m (v_inf - v) + drift + lift (i_0 + i_1), i' = -rate i.

    Attributes
    ----------
    rate_m, lift, drift, v_inf, v_th, v_reset, dead, v0 : float64 (n,)
    rate, i0 : float64 (n, PORTS)
    """

    rate_m: np.ndarray
    lift: np.ndarray
    drift: np.ndarray
    v_inf: np.ndarray
    v_th: np.ndarray
    v_reset: np.ndarray
    dead: np.ndarray
    v0: np.ndarray
    rate: np.ndarray
    i0: np.ndarray


class Record(NamedTuple):
    """The spikes of some samples: one line each, sample by sample, population by population.

    Attributes
    ----------
    times : float64 (k,)
    ids : int32 (k,)                    neurons, counted within their population
    currents : float64 (k, PORTS)       at the spike
    starts : int64 (samples * populations + 1,)
    """

    times: np.ndarray
    ids: np.ndarray
    currents: np.ndarray
    starts: np.ndarray


class GivenSpikes(NamedTuple):
    """The spikes of all sources in all samples.

    Attributes
    ----------
    times : float64 (k,)                sorted within each sample of a source
    ids : int32 (k,)
    starts : int64 (populations, samples + 1)
    """

    times: np.ndarray
    ids: np.ndarray
    starts: np.ndarray


class Gradients(NamedTuple):
    """Derivatives of the loss, summed over samples.

    Attributes
    ----------
    weights, delays : float64 (synapses,)
    v_th, v0, rate_m, lift, drift, v_inf : float64 (n,)
    rate, i0 : float64 (n, PORTS)
    """

    weights: np.ndarray
    delays: np.ndarray
    v_th: np.ndarray
    v0: np.ndarray
    rate_m: np.ndarray
    lift: np.ndarray
    drift: np.ndarray
    v_inf: np.ndarray
    rate: np.ndarray
    i0: np.ndarray


class Pull(NamedTuple):
    """What a loss wants of a population of leaky integrators, in the samples of a chunk.

    Attributes
    ----------
    kind : int                      PEAK or INTEGRAL, see :mod:`neurosim.learning.readout`
    per_decay : float               1 / decay [1/ms] of the integral's weight, 0 without
    peaks : float64 (samples, n)    times of the peaks
    wanted : float64 (samples, n)   dL by what is read
    """

    kind: int
    per_decay: float
    peaks: np.ndarray
    wanted: np.ndarray


class Arrivals(NamedTuple):
    """Arrivals of one sample, by neuron, by time; and the neurons' spikes.

    Attributes
    ----------
    begin, left : int64 (n,)                of each neuron's arrivals, and how far back we are
    come : float64 (room, 3)                time, number of the spike in the record, and synapse
    spare : float64 (3 room,)               of the sorting
    counts : int32 (room,)
    v : float64 (room,)                     the state just after each arrival
    currents : float64 (room, PORTS)
    leaks : float64 (room,)                 e^{-rate_m dt} from each arrival to the next event
    lefts, gains : float64 (room, PORTS)    the same of the currents, see `propagate.held`
    limits : float64 (n,)                   arrivals from this time on change nothing
    fired, fired_left : int64 (n,)          the same for the neurons' own spikes
    emissions : int64 (spike room,)
    ends : float64 (spike room, PORTS)      currents at the end of each refractory period
    """

    begin: np.ndarray
    left: np.ndarray
    come: np.ndarray
    spare: np.ndarray
    counts: np.ndarray
    v: np.ndarray
    currents: np.ndarray
    leaks: np.ndarray
    lefts: np.ndarray
    gains: np.ndarray
    limits: np.ndarray
    fired: np.ndarray
    fired_left: np.ndarray
    emissions: np.ndarray
    ends: np.ndarray


class Adjoint(NamedTuple):
    """Derivatives of the loss by the state of each neuron, on the way back in time.

    Attributes
    ----------
    now : float64 (n,)          how far back
    v, held : float64 (n,)      by the potential; the same at the end of a refractory period
    i : float64 (n, PORTS)      by the currents
    resting : uint8 (n,)        inside a refractory period?
    """

    now: np.ndarray
    v: np.ndarray
    held: np.ndarray
    i: np.ndarray
    resting: np.ndarray
