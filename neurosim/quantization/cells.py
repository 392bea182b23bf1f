"""How do LIF neurons become integer ones? Decays, scale, threshold, bias, start value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..connectivity.delays import to_steps
from ..connectivity.distributions import Distribution
from ..errors import ParameterError
from ..models.base import Neurons
from ..models.flow import decay, synapse_to_leaky
from ..models.lif import LIF_DELTA, LIF_EXP
from ..models.loihi import (
    BIAS_MAX,
    DECAY_ONE,
    EXP_MAX,
    STATE_MAX,
    V_TH_MAX,
    WEIGHT_EXP_MIN,
    LoihiLIF,
)
from ..network import Population
from ..random import key_of
from .report import Fit, fit

# How many thresholds u and v can hold. A delta arrival moves u by its whole jump, and u
# wraps around. With a current u stays small, and what truncation takes from it in each step
# adds up in v (by half a unit x tau_syn tau_m / dt^2): it needs the finer grid.
_HEADROOM_DELTA, _HEADROOM_CURRENT = 64, 4


@dataclass(frozen=True, eq=False)
class Cells:
    """A LIF population in steps of ``dt``, before a scale is chosen; arrays (n,).

    v is measured from v_reset, where the integer neuron is reset to. ``gain`` is what a
    weight of 1 adds to u; ``bias`` is added in each step (both in mV).
    """

    population: Population
    decay_u: np.ndarray
    decay_v: np.ndarray
    gain: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray
    t_ref: np.ndarray
    taus: dict[str, Fit]
    is_delta: bool


def check_cells(population: Population) -> None:
    """Refuse, by name, neurons that have no integer counterpart."""
    owner, neurons = f"quantize: population {population.name!r}", population.neurons
    if not isinstance(neurons, Neurons) or neurons.model.name != "LIF":
        raise ParameterError(f"{owner} must be LIF neurons, got {population.kind}")
    if neurons.model not in (LIF_DELTA, LIF_EXP):
        raise ParameterError(
            f"{owner} must have one input port, got {neurons.model.ports}; the integer neuron "
            "has one current: give both the same tau_syn, as one number"
        )
    if np.any(neurons.params["soft_reset"]):
        raise ParameterError(
            f"{owner} must be reset to a value, got reset='subtract'; the integer neuron "
            "is reset to 0"
        )
    for name, value in neurons.initial.items():
        if name != "v" and (isinstance(value, Distribution) or np.any(value)):
            raise ParameterError(f"{owner} must start with {name} = 0, got {value!r}")


# Of a time constant's name, value and the step: the decay's number, what it keeps, how it fits.
Decays = Callable[[str, np.ndarray, float], tuple[np.ndarray, np.ndarray, dict[str, Fit]]]


def cells(population: Population, dt: float, decays: Decays | None = None) -> Cells:
    """Decays and gains of a LIF population; with 12 bits, or as ``decays`` has them.

    A current's gain carries a correction by which a constant input reaches the right
    potential though the decays are rounded; a delta synapse keeps its jump.
    """
    p = {
        name: np.broadcast_to(np.asarray(value, float), population.n)
        for name, value in population.neurons.params.items()
    }
    is_delta = population.neurons.model is LIF_DELTA
    decays = decays or _decays
    decay_v, keep_v, taus = decays("tau_m", p["tau_m"], dt)
    lasting = (1 - keep_v) / (1 - decay(dt, p["tau_m"]))
    steps = to_steps(p["t_ref"], dt)
    if is_delta:
        decay_u, gain = np.full(population.n, DECAY_ONE), np.ones(population.n)
        t_ref = np.maximum(steps, 1)
    else:
        decay_u, keep_u, more = decays("tau_syn", p["tau_syn"], dt)
        taus |= more
        gain = synapse_to_leaky(dt, p["tau_m"], p["tau_syn"], p["r_m"]) * lasting
        gain = gain * (1 - keep_u) / (1 - decay(dt, p["tau_syn"]))
        t_ref = steps + 1  # v is held for so many steps, and first moves in the next
    target = p["v_rest"] + p["r_m"] * p["i_ext"] - p["v_reset"]
    return Cells(
        population, decay_u, decay_v, gain, (1 - keep_v) * target,
        p["v_th"] - p["v_reset"], t_ref, taus, is_delta,
    )  # fmt: skip


def _decays(name: str, tau: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray, dict]:
    """12-bit decays, the share that they keep, and how well they fit the time constants."""
    exact = DECAY_ONE * (1 - decay(dt, tau))
    rounded = np.clip(np.rint(exact), 1, DECAY_ONE - 1)
    keep = 1 - rounded / DECAY_ONE
    clipped = int((rounded != np.rint(exact)).sum())
    return rounded, keep, {name: fit(tau, -dt / np.log(keep), clipped)}


def choose_scale(c: Cells, state_bits: int, largest: float, mantissa: int) -> float:
    """Units of v per mV: as fine as thresholds, bias and weights allow.

    The largest weight (``largest`` mV) falls on the largest ``mantissa`` exactly, where an
    exponent allows.
    """
    headroom = _HEADROOM_DELTA if c.is_delta else _HEADROOM_CURRENT
    scale = min(2.0**state_bits / headroom, 64.0 * V_TH_MAX) / c.threshold.max()
    bias = np.abs(c.bias).max()
    if bias > 0:
        scale = min(scale, BIAS_MAX * 2.0**EXP_MAX / bias)
    if largest > 0:
        scale = min(scale, mantissa * 2.0 ** (6 + EXP_MAX) / largest)
        exponent = np.floor(np.log2(largest * scale / (64 * mantissa)) + 1e-9)
        if exponent >= WEIGHT_EXP_MIN:
            scale = mantissa * 2.0 ** (6 + exponent) / largest
    return float(scale)


def integer_neurons(
    c: Cells, seed: int, scale: float, weight_exp: int
) -> tuple[Neurons, dict[str, Fit]]:
    """The LoihiLIF population for a scale, and how well its numbers fit."""
    # a float neuron fires at v >= v_th, an integer one beyond its threshold
    wanted = c.threshold * scale
    th = np.ceil(wanted / 64 - 1e-9) - 1
    v_th = np.clip(th, 1, V_TH_MAX)
    bias = c.bias * scale
    most = np.abs(bias).max()
    bias_exp = 0 if most <= BIAS_MAX else int(np.ceil(np.log2(most / BIAS_MAX) - 1e-12))
    bias_mant = np.rint(bias / 2.0**bias_exp)
    got_bias = bias_mant * 2.0**bias_exp
    fits = c.taus | {
        "v_th": fit(wanted, 64 * v_th, int((v_th != th).sum())),
        "bias": fit(bias, got_bias),
    }
    neurons = LoihiLIF(
        c.population.shape,
        v_th_mant=_shared(v_th), decay_u=_shared(c.decay_u), decay_v=_shared(c.decay_v),
        bias_mant=_shared(bias_mant), bias_exp=bias_exp, weight_exp=weight_exp,
        t_ref=_shared(c.t_ref), v0=_shared(start_values(c, seed, scale, got_bias)),
    )  # fmt: skip
    return neurons, fits


def start_values(c: Cells, seed: int, scale: float, bias: np.ndarray) -> np.ndarray:
    """Initial v; the integer neuron adds its bias at step 0 already."""
    neurons, n = c.population.neurons, c.population.n
    v = neurons.initial["v"]
    if isinstance(v, Distribution):
        v = v.draw(key_of(seed, c.population.name, "initial", "v"), n)
    above = (np.broadcast_to(v, n) - neurons.params["v_reset"]) * scale
    return np.clip(np.rint(above - bias), -STATE_MAX, STATE_MAX)


def _shared(values: np.ndarray) -> Any:
    """One number where all are equal, as the engine is faster with one."""
    return float(values[0]) if (values == values[0]).all() else values
