"""How do IF layers become whole numbers of a chip's bits? One unit of state for each population."""

from dataclasses import replace

import numpy as np

from neurosim.models.base import Neurons
from neurosim.models.integrator import IF_DELTA
from neurosim.network import Network, Population
from neurosim.quantization import Fit
from neurosim.quantization.report import fit
from neurosim.synapses import Synapses

from .kept_rules import connect_as
from .levels import grid, on_grid
from .whole import DRIVEN_PORTS, WHOLE_DRIVEN, WHOLE_IF
from .whole_lif import Bits

# A threshold that no sum of weights reaches stays out of reach (the read-out of a conversion).
_UNREACHABLE = 1e6
_NEVER = 2.0**30


def rebuilt(
    network: Network, synapses: dict[str, Synapses], neurons: dict[str, Neurons]
) -> Network:
    """The network with other synapses, and other neurons where they are given."""
    made = Network(time=network.time, seed=network.seed)
    for name, population in network.populations.items():
        made.add(neurons.get(name, population.neurons), name)
    for name, p in network.projections.items():
        connect_as(made, network, p, synapses[name].weight, synapses[name])
    return made


def _is_driven(neurons: Neurons) -> bool:
    """Whether these are IF neurons of a converted network, whose input is a held current."""
    return neurons.model.name == "IF" and neurons.model.ports == DRIVEN_PORTS


def is_pool(population: Population) -> bool:
    """Whether a population is a maximum of counts of plain spikes: whole numbers as it is."""
    model = getattr(population.neurons, "model", None)
    return model is not None and model.name == "MaxPool" and model.payload is None


def is_if_in_steps(network: Network, population: Population) -> bool:
    """Whether a population adds up in steps, and loses nothing."""
    neurons = population.neurons
    return (
        network.time == "steps"
        and isinstance(neurons, Neurons)
        and (neurons.model is IF_DELTA or _is_driven(neurons))
    )


def _fineness(v_th: np.ndarray, largest: float, bits: Bits, step: float) -> float:
    """The unit of weights is 2 to this many units of state.

    State holds twice the threshold; where none is reached, a thousand weights, no coarser.
    """
    if v_th.size:
        return float(np.floor(np.log2(bits.most_threshold * step / v_th.max()) + 1e-9))
    if not largest:
        return 0.0
    return max(0.0, float(np.floor(np.log2((bits.high + 1) * step / (1024 * largest)))))


def _whole(
    population: Population, arriving: list[np.ndarray], bits: Bits, weight_step: float
) -> tuple[Neurons, float, dict[str, Fit]]:
    """An IF population in whole numbers of the unit of state, that unit, and how well it fits."""
    p, name = population.neurons.params, population.name
    v_th = np.broadcast_to(np.asarray(p["v_th"], float), population.n)
    largest = max((float(np.abs(w).max(initial=0.0)) for w in arriving), default=0.0)
    reachable = v_th < _UNREACHABLE * max(largest, 1e-30)
    unit = weight_step / 2.0 ** _fineness(v_th[reachable], largest, bits, weight_step)
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


def whole_if(
    network: Network, synapses: dict[str, Synapses], bits: Bits
) -> tuple[Network, dict[str, float], dict[str, Fit]]:
    """IF layers in whole numbers: each population in its own unit of state."""
    neurons, units, fits = {}, {}, {}
    scaled = dict(synapses)
    for name, population in network.populations.items():
        if population.is_source or is_pool(population):
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
    return rebuilt(network, scaled, neurons), units, fits
