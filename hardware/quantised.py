"""What becomes of a network in a chip's numbers? Weights, delays, decays, thresholds.

The quantised network is an ordinary one, so it runs in the engine, and what the chip's
numbers cost in accuracy is measured rather than guessed:

* LIF neurons with one port that are reset to a value, on a chip whose decays are 12-bit
  mantissas: the integer neuron of Loihi (:func:`neurosim.quantize`), bit by bit.
* Other LIF neurons with one port, on digital chips: whole numbers with the chip's decays, which
  saturate at its bits of state (``whole_lif.py``).
* IF neurons in steps: whole numbers of the chip's unit of state, which saturate as well; the
  engine may hold them in float32, exactly up to 2^24, or in int32. Max-pooling of plain spikes
  is left as it is: it counts.
* Others, and all leaky neurons of analog chips: rounded parameters and a potential in floating
  point, which the report says.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from neurosim import checks
from neurosim.connectivity.delays import to_steps
from neurosim.errors import ParameterError
from neurosim.models.base import Neurons
from neurosim.models.lif import LIF_DELTA, LIF_EXP
from neurosim.network import Network, Population
from neurosim.quantization import Fit, quantize
from neurosim.quantization.report import fit
from neurosim.synapses import Synapses, expand

from .chip import Chip, Quantise
from .decays import rounded_taus
from .levels import few_levels, few_per_row, grid, on_grid
from .load import load_chip
from .whole_if import is_if_in_steps, is_pool, rebuilt, whole_if
from .whole_lif import Bits, is_leaky, whole_lif
from .wiring import tick_of

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
        if is_pool(network.projections[name].post):  # these are gains of what is counted
            made[name] = expand(network, network.projections[name])
            continue
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
    return rebuilt(network, synapses, neurons), fits


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
    # In int32 the sign takes a bit.
    signed = chip.synapse.sign != "per_source"
    numbers = Bits(min(state, 31), bits, signed, rules.negative, rules.threshold_bits)
    found = _in_numbers(network, synapses, rules, numbers, tick, state)
    in_ticks = network.time == "continuous" or found.network.time != network.time
    return QuantisedFor(
        network=found.network,
        chip=chip.name,
        arithmetic="integer" if found.integer else "floating point",
        dt=tick if in_ticks else 1.0,
        weights=weights,
        delay_error=error,
        cut_delays=cut,
        numbers=found.fits,
        unit=found.units,
        notes=found.notes,
    )


class _Numbers(NamedTuple):
    """A network in a chip's numbers: units by population, fits by parameter."""

    network: Network
    units: dict[str, float]
    fits: dict[str, Fit]
    notes: tuple[str, ...]
    integer: bool = True


def _in_numbers(
    network: Network, synapses: dict[str, Synapses], rules: Quantise, bits: Bits, tick: float,
    state: int,
) -> _Numbers:  # fmt: skip
    """Choose the arithmetic, see the head of this module."""
    placed = [p for p in network.populations.values() if not p.is_source]
    analog = rules.decay == "analog"
    if all(is_if_in_steps(network, p) or is_pool(p) for p in placed):
        bits = replace(bits, state=min(state, 24))  # float32 counts to 2^24
        found = whole_if(network, synapses, bits)
        return _Numbers(*found, (_ANALOG if analog else _saturates(bits),))
    if not analog and not _as_loihi(rules) and all(map(is_leaky, placed)):
        return _Numbers(*whole_lif(network, synapses, rules, bits, tick), (_saturates(bits),))
    if _as_loihi(rules) and all(map(_is_integer_lif, placed)):
        return _loihi(network, synapses, bits.weight, tick, state)
    made, fits = _rounded(network, synapses, rules, tick)
    notes = (f"the potential is in floating point, not in {state} bits", _ANALOG)
    return _Numbers(made, {}, fits, notes if analog else notes[:1], integer=False)


def _loihi(
    network: Network, synapses: dict[str, Synapses], weight_bits: int, tick: float, state: int
) -> _Numbers:
    low, high = _INTEGER_BITS
    held = min(max(state, low), high)
    found = quantize(
        rebuilt(network, synapses, {}),
        dt=None if network.time == "steps" else tick,
        weight_bits=min(max(weight_bits, 2), _MOST_WEIGHT_BITS),
        state_bits=held,
    )
    populations = found.report.populations.items()
    units = {name: 1 / p.scale for name, p in populations}
    fits = {f"{name}.{key}": one for name, p in populations for key, one in p.fits.items()}
    notes = () if held == state else (f"state of {held} bits in place of {state}",)
    return _Numbers(found.network, units, fits, notes)


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
