"""How do leaky neurons become whole numbers of a chip's bits? Scale, weights, decays."""

from dataclasses import dataclass, replace

import numpy as np

from neurosim.connectivity.delays import to_steps
from neurosim.errors import ParameterError
from neurosim.models.base import Neurons
from neurosim.models.lif import LIF_DELTA, LIF_EXP
from neurosim.network import Network, Population
from neurosim.quantization.cells import Cells, cells, start_values
from neurosim.quantization.mapping import source_in_steps
from neurosim.quantization.report import Fit, fit
from neurosim.synapses import Synapses

from .chip import Quantise
from .decays import rounded_taus
from .kept_rules import connect_as
from .levels import largest_mantissa
from .whole import MANTISSA_LIF, SHIFT_LIF

# Weights that arrive in one step are added up in int32; half of it is left for their rounding.
_MOST_ARRIVING = 2.0**30


@dataclass(frozen=True, slots=True)
class Bits:
    """How many bits the numbers of a chip have, and which are negative."""

    state: int
    weight: int
    signed_weights: bool
    negative: bool
    threshold: int | None = None

    @property
    def high(self) -> int:
        """The largest state."""
        return 2 ** (self.state - 1 if self.negative else self.state) - 1

    @property
    def most_threshold(self) -> int:
        """The largest threshold: half of the state, within its own bits."""
        half = (self.high + 1) // 2
        return half if self.threshold is None else min(half, 2**self.threshold - 1)

    @property
    def low(self) -> int:
        """The least potential."""
        return -self.high - 1 if self.negative else 0


def is_leaky(population: Population) -> bool:
    """Whether a population is of LIF neurons with one port."""
    neurons = population.neurons
    return isinstance(neurons, Neurons) and neurons.model in (LIF_DELTA, LIF_EXP)


def _decays(rules: Quantise):
    def decays(name: str, tau: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray, dict]:
        rounded = np.broadcast_to(rounded_taus(tau, dt, rules), tau.shape)
        keep = np.exp(-dt / rounded)
        if rules.decay == "shift":
            whole = np.rint(-np.log2(1 - keep))
        else:
            whole = np.rint(2.0**rules.decay_bits * keep)
        return whole, keep, {name: fit(tau, rounded)}

    return decays


def _scale(c: Cells, weights: list[np.ndarray], heaviest: float, bits: Bits) -> tuple[float, float]:
    """Whole numbers per mV, and the unit of weights in them, a power of two.

    The threshold takes up to half of the state, within its bits, unless what may arrive at a
    neuron in one step (``heaviest`` [mV]) would be beyond int32; the largest weight is the
    largest that a weight's bits hold, unless that would be finer than 1.
    """
    scale = bits.most_threshold / float(c.threshold.max())
    largest = max((float(np.abs(w).max(initial=0.0)) for w in weights), default=0.0)
    if heaviest:
        scale = min(scale, _MOST_ARRIVING / heaviest)
    most = max(1, largest_mantissa(bits.weight, signed=bits.signed_weights))
    if largest == 0:
        return scale, 1.0
    exponent = np.floor(np.log2(largest * scale / most) + 1e-9)
    if exponent < 0:
        return scale, 1.0
    return most * 2.0**exponent / largest, 2.0**exponent


def _shared(values: np.ndarray) -> float | np.ndarray:
    return float(values[0]) if (values == values[0]).all() else values


def _neurons(
    c: Cells, scale: float, rules: Quantise, bits: Bits, seed: int
) -> tuple[Neurons, dict[str, Fit]]:
    threshold, bias = c.threshold * scale, c.bias * scale
    v_th, whole_bias = np.maximum(1, np.rint(threshold)), np.rint(bias)
    # The counterpart of a current that lasts no step: nothing of u is kept.
    u = np.zeros_like(c.decay_v) if c.is_delta else c.decay_u
    if rules.decay == "shift":
        model, decays = SHIFT_LIF, {"dash_u": _shared(u), "dash_v": _shared(c.decay_v)}
    else:
        decays = {"keep_u": _shared(u), "keep_v": _shared(c.decay_v)}
        model, decays = MANTISSA_LIF, decays | {"decay_bits": rules.decay_bits}
    soft = c.population.neurons.params["soft_reset"]
    start = np.clip(start_values(c, seed, scale, whole_bias), bits.low, bits.high)
    neurons = model.neurons(
        c.population.shape, initial={"v": _shared(start)}, v_th=_shared(v_th), v_reset=0,
        bias=_shared(whole_bias), soft_reset=soft, t_ref=_shared(c.t_ref), low=bits.low,
        high=bits.high, **decays,
    )  # fmt: skip
    fits = c.taus | {"v_th": fit(threshold, v_th), "bias": fit(bias, whole_bias)}
    return neurons, fits


def whole_lif(
    network: Network, synapses: dict[str, Synapses], rules: Quantise, bits: Bits, dt: float
) -> tuple[Network, dict[str, float], dict[str, Fit]]:
    """A network of LIF neurons in whole numbers, in steps of ``dt``.

    Returns
    -------
    (Network, dict, dict)       the unit of each population's potential [mV]; "population.number"
                                -> Fit
    """
    made = Network(time="steps", seed=network.seed)
    scaled: dict[str, tuple[Cells, float, float]] = {}
    units, fits = {}, {}
    for name, population in network.populations.items():
        if population.is_source:
            made.add(source_in_steps(population, dt), name)
            continue
        c = cells(population, dt, _decays(rules))
        onto = [n for n, p in network.projections.items() if p.post is population]
        gained = [synapses[n].weight * c.gain[synapses[n].post] for n in onto]
        arriving = np.zeros(population.n)
        for n, weight in zip(onto, gained, strict=True):
            np.add.at(arriving, synapses[n].post, np.abs(weight))
        scale, step = _scale(c, gained, float(arriving.max(initial=0.0)), bits)
        neurons, found = _neurons(c, scale, rules, bits, made.seed)
        made.add(neurons, name)
        scaled[name], units[name] = (c, scale, step), 1 / scale
        fits |= {f"{name}.{key}": one for key, one in found.items()}
    for name, p in network.projections.items():
        if p.gain is not None:
            raise ParameterError(f"quantise_for: projection {name!r} must have no gain")
        (c, scale, step), s = scaled[p.post.name], synapses[name]
        whole = step * np.rint(s.weight * c.gain[s.post] * scale / step)
        delay = to_steps(s.delay, dt) + (0 if c.is_delta else 1)
        connect_as(made, network, p, whole, replace(s, delay=delay.astype(float)))
    return made, units, fits
