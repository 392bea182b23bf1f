"""How is a whole network mapped to integers? Sources, cells, weights, delays, one report."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.delays import delay_steps, to_steps, to_times
from ..connectivity.distributions import Uniform
from ..connectivity.rules import FromArrays
from ..errors import ParameterError
from ..models.loihi import EXP_MAX, WEIGHT_EXP_MIN
from ..models.schedule import Schedule
from ..models.sources import PoissonSource, SpikeSource
from ..network import Network, Population, Projection
from ..random import key_of
from ..synapses import Synapses, expand
from .cells import Cells, cells, check_cells, choose_scale, integer_neurons
from .report import PopulationReport, ProjectionReport, QuantizationReport, fit

ROUNDING = ("nearest", "zero", "stochastic")


@dataclass(frozen=True, slots=True)
class Quantized:
    """What :func:`quantize` returns.

    Attributes
    ----------
    network : Network               of :func:`LoihiLIF` neurons, ``time="steps"``
    report : QuantizationReport
    """

    network: Network
    report: QuantizationReport


@dataclass(frozen=True, slots=True, eq=False)
class _Weights:
    """Weights of one projection in mV of u, and what their mantissas may be."""

    synapses: Synapses
    values: np.ndarray
    mantissa: int  # the largest
    grain: int  # 2 where both signs occur: the sign takes the last bit

    @property
    def largest(self) -> float:
        return float(np.abs(self.values).max(initial=0.0))


def quantize(
    network: Network,
    *,
    dt: float | None = None,
    weight_bits: int = 8,
    state_bits: int = 23,
    rounding: str = "nearest",
) -> Quantized:
    """Map a network of LIF neurons to the integer arithmetic of :func:`LoihiLIF`.

    With x = v - v_reset and the step dt, a LIF neuron with delta synapses or with one
    exponential current i is::

        x <- x e^{-dt/tau_m} + g i + (1 - e^{-dt/tau_m}) (v_rest + r_m i_ext - v_reset)

    which is the integer neuron with u = g i, where decays have 12 bits, one scale per
    population turns mV into units of v, and weights are mantissas of ``weight_bits`` bits
    with one exponent per projection (projections with both signs lose the last bit, as
    on the chip). A current acts one step after its spike arrives, u at once: its delays
    get one step more. The gain of a current makes up for rounded decays, so that constant
    input reaches the same potential; a delta synapse keeps its jump. Sources keep their
    spikes, on the grid of dt; times then count steps.

    Parameters
    ----------
    network : Network
        Populations of LIF neurons (``reset="value"``, not two ports), Poisson and spike sources.
    dt : float, optional
        Length of a step [ms], default 0.1; 1 in a ``time="steps"`` network. Decays of 12
        bits are coarse for dt far below the time constants: the report says how coarse.
    weight_bits : int
        Bits of a weight's mantissa, 2 .. 8.
    state_bits : int
        Bits of u and v to use, 14 .. 23.
    rounding : {"nearest", "zero", "stochastic"}
        Of the weights: to the nearest, towards zero, or up or down at random with the right
        mean (keyed by seed and projection name).

    Returns
    -------
    Quantized
        The network, and a report of maximal and mean relative errors and clipped counts.

    Raises
    ------
    ParameterError
        A population, source or stimulus has no integer counterpart.
    BuildError
        A delay lies between 0 and dt.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network(seed=1)
    >>> noise = net.add(ns.PoissonSource(50, rate=40.0), "noise")
    >>> cell = net.add(ns.LIF(10, tau_m=20.0, tau_syn=5.0, t_ref=2.0), "cells")
    >>> _ = net.connect(noise, cell, weight=0.15, delay=1.0)
    >>> quantized = quantize(net, dt=0.5)
    >>> quantized.network.time, quantized.report.projections["noise->cells"].weight.max_error
    ('steps', 0.0)
    >>> a = ns.simulate(net, 1000.0, dt=0.5).counts["cells"]
    >>> b = ns.simulate(quantized.network, 2000).counts["cells"]
    >>> bool(abs(a.mean() - b.mean()) < 0.05 * a.mean())
    True
    """
    owner = "quantize"
    weight_bits = checks.integer(owner, "weight_bits", weight_bits, low=2, high=8)
    state_bits = checks.integer(owner, "state_bits", state_bits, low=14, high=23)
    checks.choice(owner, "rounding", rounding, ROUNDING)
    dt = _step(network, dt)
    for stimulus in network.stimuli:
        raise ParameterError(f"{owner}: stimulus {stimulus!r} must be a PoissonSource population")
    made = Network(time="steps", seed=network.seed)
    weights, scaled = {}, {}
    for population in network.populations.values():
        if not population.is_source:
            check_cells(population)
            scaled[population.name] = cells(population, dt)
    for projection in network.projections.values():
        gain = scaled[projection.post.name].gain
        weights[projection.name] = _in_mv(network, projection, gain, weight_bits)
    populations = {}
    for population in network.populations.values():
        c = scaled.get(population.name)
        if c is None:
            made.add(source_in_steps(population, dt), population.name)
        else:
            arriving = [weights[p.name] for p in _onto(network, population)]
            populations[population.name] = _add_cells(made, c, arriving, state_bits)
    projections = {}
    for p in network.projections.values():
        report, c = populations[p.post.name], scaled[p.post.name]
        projections[p.name] = _connect(made, p, weights[p.name], report, c, dt, rounding)
    report = QuantizationReport(dt, weight_bits, state_bits, populations, projections)
    return Quantized(made, report)


def _step(network: Any, dt: float | None) -> float:
    if not isinstance(network, Network) or not network.populations:
        raise ParameterError("quantize.network must be a Network with populations")
    if network.time == "steps":
        if dt not in (None, 1):
            raise ParameterError(f"quantize.dt must be 1 for time='steps', got {dt!r}")
        return 1.0
    return checks.number("quantize", "dt", 0.1 if dt is None else dt, above=0, unit="ms")


def source_in_steps(population: Population, dt: float) -> PoissonSource | SpikeSource:
    """The same source with time counted in steps (of which a Poisson source takes 1000 a s)."""
    source = population.neurons
    if type(source) is PoissonSource:
        scheduled = isinstance(source.rate, Schedule)
        rate = source.rate.scaled(time=1.0 / dt, value=dt) if scheduled else source.rate * dt
        return PoissonSource(source.shape, rate=rate)
    if population.is_graded:
        raise ParameterError(
            f"quantize: source {population.name!r} must have plain spikes, as those of the chip are"
        )
    if type(source) is SpikeSource:
        return SpikeSource(source.shape, times=to_steps(source.times, dt), ids=source.ids)
    raise ParameterError(
        f"quantize: source {population.name!r} must be a PoissonSource or SpikeSource, got "
        f"{population.kind}"
    )


def _onto(network: Network, population: Population) -> list[Projection]:
    return [p for p in network.projections.values() if p.post is population]


def _in_mv(network: Network, p: Projection, gain: np.ndarray, bits: int) -> _Weights:
    synapses = expand(network, p)
    values = synapses.weight * gain[synapses.post]
    if not np.isfinite(values).all():
        raise ParameterError(f"quantize: weights of projection {p.name!r} must be finite")
    if values.size and values.min() < 0 < values.max():
        return _Weights(synapses, values, 2**bits - 2, 2)
    return _Weights(synapses, values, 2**bits - 1, 1)


def _exponent(weights: _Weights, scale: float) -> int:
    """Least exponent that holds the largest weight."""
    if weights.largest == 0:
        return EXP_MAX
    needed = np.log2(weights.largest * scale / (64 * weights.mantissa))
    return int(np.clip(np.ceil(needed - 1e-9), WEIGHT_EXP_MIN, EXP_MAX))


def _add_cells(
    made: Network, c: Cells, arriving: list[_Weights], state_bits: int
) -> PopulationReport:
    largest = max(arriving, key=lambda w: w.largest / w.mantissa, default=None)
    limits = (0.0, 1) if largest is None else (largest.largest, largest.mantissa)
    scale = choose_scale(c, state_bits, *limits)
    weight_exp = min((_exponent(w, scale) for w in arriving), default=0)
    neurons, fits = integer_neurons(c, made.seed, scale, weight_exp)
    made.add(neurons, c.population.name)
    return PopulationReport(scale, weight_exp, fits)


def _connect(
    made: Network, p: Projection, w: _Weights, post: PopulationReport, c: Cells, dt: float,
    rounding: str,
) -> ProjectionReport:  # fmt: skip
    if p.gain is not None:
        raise ParameterError(f"quantize: projection {p.name!r} must have no gain, got {p.gain}")
    exponent = _exponent(w, post.scale)
    unit = w.grain * 2.0 ** (6 + exponent)
    exact = w.values * post.scale / unit
    if rounding == "stochastic":
        shift = Uniform(0.0, 1.0).draw(key_of(made.seed, p.name, "rounding"), exact.size)
        whole = np.floor(exact + shift)
    else:
        whole = np.rint(exact) if rounding == "nearest" else np.trunc(exact + 1e-9 * exact)
    most = w.mantissa // w.grain
    mantissas = np.clip(whole, -most, most)
    delay = w.synapses.delay
    steps = delay_steps(f"Projection {p.name!r}", delay, dt, allow_short=False)
    made.connect(
        p.pre.name, p.post.name, FromArrays(w.synapses.pre, w.synapses.post),
        weight=mantissas * w.grain * 2 ** (exponent - post.weight_exp),
        delay=steps + (0 if c.is_delta else 1), name=p.name,
    )  # fmt: skip
    result = fit(exact, mantissas, int((mantissas != whole).sum()))
    error = float(np.abs(to_times(steps, dt) - delay).max(initial=0.0))
    return ProjectionReport(exponent, result, error)
