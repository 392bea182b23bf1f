"""What becomes of a network in a chip's numbers? Weights, delays, decays, thresholds.

The quantised network is an ordinary one, so it runs in the engine, and what the chip's
numbers cost in accuracy is measured rather than guessed:

* LIF neurons with one port that are reset to a value, on a chip whose decays are 12-bit
  mantissas: the integer neuron of Loihi (:func:`neurosim.quantize`), bit by bit.
* Other LIF neurons with one port, on digital chips: whole numbers with the chip's decays, which
  saturate at its bits of state (``whole_lif.py``).
* IF neurons in steps: whole numbers of the chip's unit of state, which saturate as well; the
  engine may hold them in float32, exactly up to 2^24, or in int32.
* Others, and all leaky neurons of analog chips: rounded parameters and a potential in floating
  point, which the report says.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurosim import checks
from neurosim.connectivity import FromArrays
from neurosim.connectivity.delays import to_steps
from neurosim.errors import ParameterError
from neurosim.models.base import Neurons
from neurosim.models.integrator import IF_DELTA
from neurosim.models.lif import LIF_DELTA, LIF_EXP
from neurosim.network import Network, Population
from neurosim.quantization import Fit, quantize
from neurosim.quantization.report import fit
from neurosim.synapses import Synapses, expand

from .chip import Chip, Quantise
from .decays import rounded_taus
from .levels import few_levels, few_per_row, grid, on_grid
from .load import load_chip
from .whole import DRIVEN_PORTS, WHOLE_DRIVEN, WHOLE_IF
from .whole_lif import Bits, is_leaky, whole_lif
from .wiring import tick_of

# A threshold that no sum of weights reaches stays out of reach (the read-out of a conversion).
_UNREACHABLE = 1e6
_NEVER = 2.0**30
_ANALOG = "analog circuits: mismatch and noise are not in it"
_INTEGER_BITS = (14, 23)
_MOST_WEIGHT_BITS = 8


@dataclass(frozen=True, slots=True)
class QuantisedFor:
    """A network in the numbers of a chip, and what they changed; ``print`` shows it.

    Attributes
    ----------
    network : Network
    chip : str
    arithmetic : str            "integer" or "floating point"
    dt : float                  step of the quantised network [ms], or 1
    weights : dict              projection -> Fit
    delay_error : dict          projection -> largest error [ms, or steps]
    cut_delays : dict           projection -> synapses whose delay was above the chip's longest
    numbers : dict              "population.parameter" -> Fit
    unit : dict                 population -> what 1 of its potential stands for
    notes : tuple of str
    """

    network: Network
    chip: str
    arithmetic: str
    dt: float
    weights: dict[str, Fit]
    delay_error: dict[str, float]
    cut_delays: dict[str, int]
    numbers: dict[str, Fit]
    unit: dict[str, float]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        head = f"{'':<28} {'max error':>10} {'mean error':>10} {'zeroed':>8}"
        lines = [f"{self.chip}: {self.arithmetic}, step {self.dt:g}", head]
        rows = [(f"{name}.weight", one) for name, one in self.weights.items()]
        for name, one in (*rows, *self.numbers.items()):
            lines.append(
                f"{name:<28} {one.max_error:>10.2%} {one.mean_error:>10.2%} {one.n_zeroed:>8}"
            )
        for name, error in self.delay_error.items():
            cut = self.cut_delays[name]
            text = f", {cut:,} cut to the chip's longest" if cut else ""
            lines.append(f"{name + '.delay':<28} {error:>10.3g}{text}")
        return "\n".join((*lines, *self.notes))

    __repr__ = __str__


def _checked(network: Any, chip: Chip) -> Quantise:
    if not isinstance(network, Network) or not network.populations:
        raise ParameterError("quantise_for.network must be a Network with populations")
    for stimulus in network.stimuli:
        raise ParameterError(f"quantise_for: stimulus {stimulus!r} must be a source population")
    if chip.quantise is None or chip.synapse.weight_bits is None:
        raise ParameterError(
            f"quantise_for.chip must say its numbers, and {chip.name!r} has no [quantise] table "
            "or no [synapse] weight_bits; a baseline computes in floating point"
        )
    return chip.quantise


def _weights(network: Network, chip: Chip, bits: int) -> dict[str, Synapses]:
    """All synapses with weights that the chip can hold; zeros are left out."""
    kind, rounding = chip.synapse, chip.quantise.rounding if chip.quantise else "nearest"
    found = {name: expand(network, p) for name, p in network.projections.items()}
    signed = kind.sign != "per_source"
    if kind.weight_values_per_core is not None:
        whole = np.concatenate([s.weight for s in found.values()] or [np.empty(0)])
        levels = np.unique(few_levels(whole, kind.weight_values_per_core))
        edges = (levels[1:] + levels[:-1]) / 2
        found = {n: replace(s, weight=levels[np.searchsorted(edges, s.weight)])
                 for n, s in found.items()}  # fmt: skip
    made = {}
    for name, s in found.items():
        weight = on_grid(s.weight, grid(s.weight, bits, signed=signed), rounding)
        if kind.weight_values_per_neuron is not None:
            n_post = network.projections[name].post.n
            some = s.weight != 0
            weight = np.zeros_like(s.weight)
            weight[some] = few_per_row(
                s.weight[some], s.post[some], n_post, kind.weight_values_per_neuron
            )
            weight = on_grid(weight, grid(weight, bits, signed=signed), rounding)
        made[name] = replace(s, weight=weight)
    return made


def _delays(
    synapses: dict[str, Synapses], chip: Chip, tick: float, bits: int | None
) -> tuple[dict[str, Synapses], dict[str, float], dict[str, int]]:
    """Delays on the chip's ticks, none above its longest; errors and how many were cut."""
    most = chip.synapse.delay_max
    if bits is not None:
        most = min(2**bits - 1, 2**31 if most is None else most)
    made, error, cut = {}, {}, {}
    for name, s in synapses.items():
        ticks = to_steps(s.delay, tick).astype(np.int64)
        above = int(np.count_nonzero(ticks > most)) if most is not None else 0
        delay = tick * (ticks if most is None else np.minimum(ticks, most))
        made[name], cut[name] = replace(s, delay=delay), above
        error[name] = float(np.abs(delay - s.delay).max(initial=0.0))
    return made, error, cut


def _rebuilt(
    network: Network, synapses: dict[str, Synapses], neurons: dict[str, Neurons]
) -> Network:
    made = Network(time=network.time, seed=network.seed)
    for name, population in network.populations.items():
        made.add(neurons.get(name, population.neurons), name)
    for name, p in network.projections.items():
        s = synapses[name]
        kept = s.weight != 0
        rule = FromArrays(s.pre[kept], s.post[kept])
        made.connect(
            p.pre.name, p.post.name, rule, weight=s.weight[kept], delay=s.delay[kept],
            port=p.port, gain=p.gain, name=name,
        )  # fmt: skip
    return made


def _is_driven(neurons: Neurons) -> bool:
    """Whether these are IF neurons of a converted network, whose input is a held current."""
    return neurons.model.name == "IF" and neurons.model.ports == DRIVEN_PORTS


def _is_if_in_steps(network: Network, population: Population) -> bool:
    neurons = population.neurons
    return (
        network.time == "steps"
        and isinstance(neurons, Neurons)
        and (neurons.model is IF_DELTA or _is_driven(neurons))
    )


def _whole(
    population: Population, arriving: list[np.ndarray], bits: Bits, weight_step: float
) -> tuple[Neurons, float, dict[str, Fit]]:
    """An IF population in whole numbers of the unit of state, that unit, and how well it fits."""
    p, name = population.neurons.params, population.name
    v_th = np.broadcast_to(np.asarray(p["v_th"], float), population.n)
    largest = max((float(np.abs(w).max(initial=0.0)) for w in arriving), default=0.0)
    reachable = v_th < _UNREACHABLE * max(largest, 1e-30)
    # State holds twice the threshold, or, where none is reached, a thousand weights.
    span = 2 * float(v_th[reachable].max()) if reachable.any() else 1024 * largest
    fine = np.floor(np.log2((bits.high + 1) * weight_step / span)) if span else 0.0
    # Few bits of state are coarser than the weights; a read-out keeps those of its weights.
    unit = weight_step / 2.0 ** (fine if reachable.any() else max(0.0, fine))
    driven = _is_driven(population.neurons)
    fits, params = {}, {key: p[key] for key in ("v_th", "v_reset", "soft_reset")}
    steady = "bias" if driven else "i_ext"
    if driven:
        params["bias"] = p["bias"]
    else:
        params["t_ref"] = p["t_ref"]
        params["i_ext"] = np.asarray(p["i_ext"], float) / np.asarray(p["c_m"], float)
    for key in ("v_th", steady, "v_reset"):
        exact = np.asarray(params[key], float) / unit
        rounded = np.rint(exact)
        if key == "v_th":
            never = np.full(rounded.shape, _NEVER) if rounded.ndim else _NEVER
            kept = reachable if rounded.ndim else bool(reachable.all())
            rounded = np.where(kept, np.maximum(rounded, 1), never)
        params[key] = float(rounded) if rounded.ndim == 0 else rounded
        if reachable.any() or key != "v_th":
            fits[f"{name}.{key}"] = fit(exact, rounded)
    # What never fires is read out, and added up outside of the chip.
    held = bits if reachable.any() else replace(bits, state=24, negative=True)
    params |= {"low": held.low, "high": held.high}
    start = population.neurons.initial["v"]
    v = np.clip(np.rint(np.asarray(start, float) / unit), held.low, held.high)
    initial = {"v": float(v) if v.ndim == 0 else v}
    model = WHOLE_DRIVEN if driven else WHOLE_IF
    return Neurons(model, population.shape, initial, params), unit, fits


def _integers(
    network: Network, synapses: dict[str, Synapses], bits: Bits
) -> tuple[Network, dict[str, float], dict[str, Fit]]:
    """IF layers in whole numbers: each population in its own unit of state."""
    neurons, units, fits = {}, {}, {}
    scaled = dict(synapses)
    for name, population in network.populations.items():
        if population.is_source:
            continue
        onto = [n for n, p in network.projections.items() if p.post is population]
        together = np.concatenate([synapses[n].weight for n in onto] or [np.empty(0)])
        # One grid for all that a population adds up.
        step = grid(together, bits.weight, signed=bits.signed_weights) or 1.0
        rounded = {n: on_grid(synapses[n].weight, step) for n in onto}
        made, unit, fit_of = _whole(population, list(rounded.values()), bits, step)
        neurons[name], units[name] = made, unit
        fits |= fit_of
        for n in onto:
            scaled[n] = replace(scaled[n], weight=np.rint(rounded[n] / unit))
    return _rebuilt(network, scaled, neurons), units, fits


def _rounded(
    network: Network, synapses: dict[str, Synapses], rules: Quantise, dt: float
) -> tuple[Network, dict[str, Fit]]:
    """Time constants that the chip's decays have; thresholds of its bits."""
    neurons, fits = {}, {}
    for name, population in network.populations.items():
        if population.is_source or not isinstance(population.neurons, Neurons):
            continue
        params = dict(population.neurons.params)
        for key in [key for key in params if key.startswith("tau_")]:
            exact = np.asarray(params[key], float)
            params[key] = rounded_taus(exact, dt, rules)
            fits[f"{name}.{key}"] = fit(exact, params[key])
        neurons[name] = replace(population.neurons, params=params, n=population.shape)
    return _rebuilt(network, synapses, neurons), fits


def quantise_for(
    network: Network,
    chip: Chip | str,
    *,
    tick: float | None = None,
    weight_bits: int | None = None,
    delay_bits: int | None = None,
    state_bits: int | None = None,
) -> QuantisedFor:
    """A network in the numbers of a chip, to be run in the engine.

    Parameters
    ----------
    network : Network
    chip : Chip or str
    tick : float, optional
        Tick of the chip [ms], default 1 ms; one step for networks in steps. Delays lie on it,
        and decays are those of one tick.
    weight_bits, delay_bits, state_bits : int, optional
        In place of the chip's own: to ask what fewer bits would do.

    Returns
    -------
    QuantisedFor

    Raises
    ------
    ParameterError
        The chip does not say its numbers, or the network has stimuli that are no population.

    Examples
    --------
    >>> import neurosim as ns
    >>> from neurosim.hardware import quantise_for
    >>> net = ns.Network(time="steps")
    >>> a, b = net.add(ns.SpikeSource(2), "a"), net.add(ns.IF(1, v_th=1.0), "b")
    >>> _ = net.connect(a, b, weight=[[0.5], [-0.3]])
    >>> made = quantise_for(net, "speck")
    >>> made.arithmetic, (ns.expand(made.network, "a->b").weight * made.unit["b"]).round(3).tolist()
    ('integer', [0.5, -0.299])
    """
    chip = load_chip(chip)
    rules = _checked(network, chip)
    tick = tick_of(network, tick)
    own = chip.synapse.weight_bits or _MOST_WEIGHT_BITS
    bits = checks.integer("quantise_for", "weight_bits", weight_bits or own, low=1, high=32)
    if delay_bits is not None:
        delay_bits = checks.integer("quantise_for", "delay_bits", delay_bits, low=1, high=30)
    state = checks.integer(
        "quantise_for", "state_bits", state_bits or rules.state_bits or 24, low=2, high=64
    )
    synapses = _weights(network, chip, bits)
    weights = {
        name: fit(expand(network, p).weight, synapses[name].weight)
        for name, p in network.projections.items()
    }
    synapses, error, cut = _delays(synapses, chip, tick, delay_bits)
    placed = [p for p in network.populations.values() if not p.is_source]
    notes: list[str] = []
    units: dict[str, float] = {}
    # In int32 the sign takes a bit, float32 counts to 2^24.
    numbers = Bits(min(state, 31), bits, chip.synapse.sign != "per_source", rules.negative)
    if all(_is_if_in_steps(network, p) for p in placed):
        numbers = replace(numbers, state=min(state, 24))
        made, units, fits = _integers(network, synapses, numbers)
        arithmetic = "integer"
        notes.append(_ANALOG if rules.decay == "analog" else _saturates(numbers))
    elif rules.decay != "analog" and not _as_loihi(rules) and all(map(is_leaky, placed)):
        arithmetic = "integer"
        made, units, fits = whole_lif(network, synapses, rules, numbers, tick)
        notes.append(_saturates(numbers))
    elif _as_loihi(rules) and all(_is_integer_lif(p) for p in placed):
        arithmetic = "integer"
        low, high = _INTEGER_BITS
        found = quantize(
            _rebuilt(network, synapses, {}),
            dt=None if network.time == "steps" else tick,
            weight_bits=min(max(bits, 2), _MOST_WEIGHT_BITS),
            state_bits=min(max(state, low), high),
        )
        made, units = found.network, {n: 1 / p.scale for n, p in found.report.populations.items()}
        fits = {
            f"{n}.{key}": one
            for n, p in found.report.populations.items()
            for key, one in p.fits.items()
        }
        if not low <= state <= high:
            notes.append(f"state of {min(max(state, low), high)} bits in place of {state}")
    else:
        arithmetic = "floating point"
        made, fits = _rounded(network, synapses, rules, tick)
        notes.append(f"the potential is in floating point, not in {state} bits")
        if rules.decay == "analog":
            notes.append(_ANALOG)
    integer_lif = arithmetic == "integer" and made.time != network.time
    return QuantisedFor(
        network=made,
        chip=chip.name,
        arithmetic=arithmetic,
        dt=tick if network.time == "continuous" or integer_lif else 1.0,
        weights=weights,
        delay_error=error,
        cut_delays=cut,
        numbers=fits,
        unit=units,
        notes=tuple(notes),
    )


def _as_loihi(rules: Quantise) -> bool:
    """Whether decays and state are those of Loihi's neuron, which is measured bit by bit."""
    return rules.decay == "mantissa" and rules.decay_bits == 12 and rules.negative


def _saturates(bits: Bits) -> str:
    return f"the potential saturates at {bits.low:,} and {bits.high:,}, at the end of a step"


def _is_integer_lif(population: Population) -> bool:
    """Whether :func:`neurosim.quantize` has a counterpart of this population."""
    neurons = population.neurons
    return (
        isinstance(neurons, Neurons)
        and neurons.model in (LIF_DELTA, LIF_EXP)
        and not np.any(neurons.params["soft_reset"])
    )
