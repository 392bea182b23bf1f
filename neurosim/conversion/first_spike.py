"""How does one spike say a number exactly? By its time, in continuous time, window after window.

Layers of depth d, with the threshold theta, fire in [d, d + 1] ms. Until d a neuron listens: each
spike that has come adds its weight to dv/dt, so that at d

    v = b / theta + sum_j W_j theta_j / theta (d - t_j)

Then dv/dt = 1, and it fires at v = 1, if that is before d + 1:

    t = d + 1 - max(0, (W a + b) / theta),      a_j = theta_j (d - t_j)

the exact ReLU, in at most one spike; what exceeds theta fires at d and is clipped. The earliest of
several spikes is the largest value: max-pooling neurons pass on the first. Spikes that skip layers
are late by their number. Timers of one neuron each say when a layer begins and ends to fire.

A. Stanojevic et al., An exact mapping from ReLU networks to spiking neural networks, Neural
Networks 168 (2023); High-performance deep spiking neural networks with 0.3 spikes per neuron,
Nature Communications 15 (2024), there with the constant slope of the "B1" model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..connectivity.pooling import SumPool
from ..connectivity.rules import FromArrays
from ..errors import ParameterError
from ..models import IF
from ..network import Network, Population
from . import neurons
from .inputs import Input, SpikeArrays
from .rates import deepest, depths

if TYPE_CHECKING:
    from .plan import Plan, PlanLayer

MARGIN = 1.5  # by which activations may exceed those of the calibration data
# A neuron with the value 0 would fire at the very end of its window. It ends so much earlier [ms].
EARLY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSpikeCode:
    """The time of the only spike says the number.

    Parameters
    ----------
    depth : int         of the deepest layer with a threshold
    """

    depth: int

    steps = 0
    highest = 1.0
    inputs = ("direct",)
    schedule = None

    @property
    def end(self) -> float:
        """When the last layer has spoken [ms]."""
        return self.depth + 1.0

    def norm(self, step: float) -> float:
        """What the read-out's potential is divided by."""
        return 1.0

    def exact_steps(self, last: float) -> list[int]:
        """Places of the read-out's trace that have the outputs: its only one."""
        return [0]

    def say(self, activation: np.ndarray) -> np.ndarray:
        """The nearest that can be said, of activations in thresholds."""
        return np.clip(activation, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstSpikeInput(Input):
    """An input x fires once, at 1 - |x| / unit ms; spikes of negative ones carry -1.

    Parameters
    ----------
    unit : float        the largest value that can be given
    signed : bool       may inputs be negative?
    """

    unit: float
    signed: bool

    @property
    def graded(self) -> bool:
        """Do spikes carry payloads?"""
        return self.signed

    def encode(self, x: np.ndarray) -> SpikeArrays:
        """Return (times in ms, ids int32), and payloads of signed ones, of one sample."""
        x = self.sample(x)
        low = -self.unit if self.signed else 0.0
        if x.size and (x.min() < low or x.max() > self.unit):
            raise ParameterError(
                f"Converted.sample must be >= {low:g} and <= {self.unit:g}, {MARGIN:g} times what "
                f"calibration data had, got {x.min():g} to {x.max():g}; calibrate with such data"
            )
        ids = np.flatnonzero(x)
        times = 1.0 - np.abs(x[ids]) / self.unit
        order = np.argsort(times, kind="stable")
        spikes = times[order], ids[order].astype(np.int32)
        return (*spikes, np.sign(x[ids][order])) if self.signed else spikes


def first_spike_input(plan: "Plan", x: np.ndarray) -> FirstSpikeInput:
    """Return the way in which samples come, from calibration data."""
    unit = MARGIN * (float(np.abs(x).max()) or 1.0)
    return FirstSpikeInput(plan=plan, unit=unit, signed=bool((x < 0).any()))


def with_margin(plan: "Plan", thresholds: Mapping[str, float]) -> dict[str, float]:
    """Thresholds that leave room; a ceiling is one to the point.

    Raises
    ------
    ParameterError
        A layer with levels, which a time has not.
    """
    found = {}
    for layer in plan.spiking:
        if layer.levels is not None:
            raise ParameterError(
                f"convert: layer {layer.name!r} has {layer.levels} levels, which times of spikes "
                "have not; take method='qcfs' or 'quantised'"
            )
        top = layer.ceiling
        found[layer.name] = MARGIN * thresholds[layer.name] if top is None else top
    return found


def build_first_spike(
    plan: "Plan", how: FirstSpikeInput, *, thresholds: Mapping[str, float], seed: int
) -> Network:
    """Return the network, ``time="continuous"``.

    Its populations are those of :func:`~.build.build`, and ``"timers"``.
    """
    net = Network(time="continuous", seed=seed)
    depth = depths(plan)
    at: dict[str, Population] = {plan.input: net.add(how.source(), plan.input)}
    timers = _timers(net, deepest(plan))
    theta = {plan.input: how.unit, **thresholds}
    for layer in plan.layers:
        here = net.add(_neurons(layer, theta.get(layer.name, 1.0)), layer.name)
        at[layer.name] = here
        if layer.pool is not None:
            pool = SumPool(layer.pool.window, layer.pool.stride, layer.pool.padding)
            net.connect(at[layer.terms[0].source], here, pool)
            continue
        for term in layer.terms:
            rule = term.operator.rule(theta[term.source] / theta.get(layer.name, 1.0))
            late = float(_begin(layer, depth, plan) - 1 - depth[term.source])
            net.connect(at[term.source], here, rule, delay=late, port="spikes")
        _gate(net, timers, here, _begin(layer, depth, plan))
    return net


def _begin(layer: "PlanLayer", depth: Mapping[str, int], plan: "Plan") -> int:
    """When a layer stops listening; the read-out does so behind all others [ms]."""
    return deepest(plan) + 1 if layer.activation == "read-out" else depth[layer.name]


def _neurons(layer: "PlanLayer", theta: float) -> Any:
    shape = layer.shape if len(layer.shape) > 1 else layer.shape[0]
    if layer.pool is not None:
        return neurons.FIRST_OF.neurons(shape)
    ramp = 0.0 if layer.activation == "read-out" else 1.0
    v0 = np.ravel(layer.bias) / theta
    return neurons.FIRST_SPIKE.neurons(shape, initial={"v": v0}, ramp=ramp)


def _timers(net: Network, deepest: int) -> Population:
    """One neuron for each moment at which layers begin (even) or end (odd) to fire."""
    times = [t for d in range(1, deepest + 2) for t in (float(d), d + 1.0 - EARLY)]
    once = IF(len(times), v_th=times, i_ext=1.0, reset="value", v_reset=-1e9, v0=0.0)
    return net.add(once, "timers")


def _gate(net: Network, timers: Population, layer: Population, begin: int) -> None:
    """Let the timers of its window lead a layer from stage to stage."""
    pre = np.repeat([2 * (begin - 1), 2 * (begin - 1) + 1], layer.n)
    rule = FromArrays(pre, np.tile(np.arange(layer.n), 2))
    net.connect(timers, layer, rule, weight=1.0, port="gate", name=f"timers->{layer.name}")
