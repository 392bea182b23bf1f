"""What does a mapping take for granted? Weights, delays and models that a chip may not have."""

import numpy as np

from .chip import Chip
from .wiring import Wiring, distinct

FEATURES = {
    "exponential_synapse": "an exponential synapse",
    "two_exponential_synapses": "two exponential synapses per neuron",
    "alpha_synapse": "an alpha synapse",
    "step_synapse": "synaptic currents that last",
    "refractory": "a refractory period",
    "soft_reset": "a reset by subtraction",
    "graded_spikes": "spikes that carry numbers",
}


def _plural(n: int, one: str) -> str:
    return f"1 {one}" if n == 1 else f"{n:,} {one}s"


def levels(weight: np.ndarray) -> float:
    """Magnitudes that a format must tell apart to hold these weights without rounding.

    The largest weight in units of the finest common step that is looked for: the greatest
    common divisor of whole numbers, or the smallest magnitude; infinity where the weights are
    whole multiples of neither.

    >>> levels(np.array([0.25, -0.75])), levels(np.array([2.0, 3.0])), levels(np.array([0.3, 1.0]))
    (3.0, 3.0, inf)
    """
    size = np.abs(weight)
    if not size.size:
        return 0.0
    found = [np.inf]
    whole = np.rint(size)
    common = 1.0
    if np.array_equal(whole, size) and size.max() < 2**53:
        common = float(np.gcd.reduce(whole.astype(np.int64)))
    for step in (common, float(size.min())):
        steps = size / step
        whole = np.rint(steps)
        if np.allclose(steps, whole, rtol=1e-9, atol=0):
            found.append(float(whole.max()))
    return min(found)


def values_per_neuron(wiring: Wiring) -> np.ndarray:
    """Distinct weights of each placed neuron: int64[n_neurons]."""
    order = np.lexsort((wiring.weight, wiring.post))
    post, weight = wiring.post[order], wiring.weight[order]
    new = np.ones(order.size, bool)
    new[1:] = (post[1:] != post[:-1]) | (weight[1:] != weight[:-1])
    return np.bincount(post[new], minlength=wiring.n_neurons)


def mixed_sources(wiring: Wiring) -> tuple[int, int]:
    """How many have synapses of both signs: neurons and sources together, neurons alone."""
    positive = np.bincount(wiring.pre[wiring.weight > 0], minlength=wiring.n_total) > 0
    negative = np.bincount(wiring.pre[wiring.weight < 0], minlength=wiring.n_total) > 0
    mixed = positive & negative
    return int(np.count_nonzero(mixed)), int(np.count_nonzero(mixed[: wiring.n_neurons]))


def _onto(wiring: Wiring) -> list[np.ndarray]:
    """The weights onto each placed population."""
    ends = np.cumsum([wiring.sizes[name] for name in wiring.placed])
    target = np.searchsorted(ends, wiring.post, side="right")
    return [wiring.weight[target == k] for k in range(len(ends))]


def quantisation(wiring: Wiring, chip: Chip) -> tuple[str, ...]:
    """Why the weights do not fit the chip as they are; empty where they do."""
    kind, reasons = chip.synapse, []
    if kind.weight_bits is not None:
        # Where the sign belongs to the source, it takes no bit of the weight.
        bits = kind.weight_bits - (0 if kind.sign == "per_source" else 1)
        # A population adds up its inputs on one grid; its threshold has the same unit.
        if max((levels(weights) for weights in _onto(wiring)), default=0.0) >= 2**bits:
            reasons.append(f"weights need quantisation to {kind.weight_bits} bits")
    most = kind.weight_values_per_neuron
    if most is not None and distinct(wiring.weight).size > most:
        above = int(np.count_nonzero(values_per_neuron(wiring) > most))
        if above:
            reasons.append(
                f"{_plural(above, 'neuron')} of {wiring.n_neurons:,} with more than {most} "
                f"distinct weights, the most of the chip: they need quantisation to {most} values"
            )
    return tuple(reasons)


def _signs(wiring: Wiring, chip: Chip) -> list[str]:
    kind = chip.synapse
    if kind.sign == "per_source":
        mixed, neurons = mixed_sources(wiring)
        if not mixed:
            return []
        note = (
            f"{_plural(mixed, 'source')} with synapses of both signs: two rows and two events each"
        )
        if neurons:
            note += f"; spikes of the {_plural(neurons, 'neuron')} among them return from outside"
        return [note]
    if kind.sign == "per_axon_type" and distinct(wiring.weight).size > 1:
        return ["types of the axons assumed to give each synapse its weight"]
    return []


def _delays(wiring: Wiring, chip: Chip, fullest: int) -> list[str]:
    kind, notes = chip.synapse, []
    shortest = int(wiring.delay.min(initial=kind.delay_min))
    if shortest < kind.delay_min:
        notes.append(f"delays below {kind.delay_min} tick last {kind.delay_min} on the chip")
    longest, free = int(wiring.delay.max(initial=0)), kind.delay_free
    if free is not None and longest > free:
        room = chip.core.resources.get("neurons")
        of = f" of {room}" if room is not None else ""
        notes.append(
            f"delays up to {longest} ticks: above {free} they need compartments that are not in "
            f"use, and cores hold up to {fullest}{of} neurons; not checked"
        )
    return notes


def _models(wiring: Wiring, chip: Chip) -> list[str]:
    notes = []
    foreign = [name for name in wiring.models if name not in chip.neuron.models]
    if chip.neuron.models and foreign:
        notes.append(f"neuron model {', '.join(foreign)} assumed to run on the chip")
    known = chip.neuron.features
    missing = [] if known is None else [name for name in wiring.features if name not in known]
    if missing:
        what = ", ".join(FEATURES[name] for name in missing)
        notes.append(f"not a feature of the chip's neurons, assumed to be emulated: {what}")
    if wiring.stimuli:
        notes.append(f"arrivals of stimuli are not counted: {', '.join(wiring.stimuli)}")
    return notes


def notes(wiring: Wiring, chip: Chip, fullest: int) -> tuple[str, ...]:
    """One sentence per assumption; ``fullest`` is the most neurons that a core holds."""
    return (
        *quantisation(wiring, chip),
        *_signs(wiring, chip),
        *_delays(wiring, chip, fullest),
        *_models(wiring, chip),
    )
