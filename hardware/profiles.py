"""Which settings do the neurons of a core share? Tables of a few profiles, and how full they are.

Some chips do not store a time constant or a threshold with every neuron, nor a format with
every list of synapses, but a few of each with the core, which neurons and lists refer to.
"""

from dataclasses import dataclass

import numpy as np

from .chip import Chip
from .wiring import Wiring, distinct

COMPARTMENT, THRESHOLD, SYNAPSE = "compartment_profiles", "threshold_profiles", "synapse_profiles"
PROFILES = (COMPARTMENT, THRESHOLD, SYNAPSE)
# Parameters of neurons by what their names begin with.
_PARAMETERS = {COMPARTMENT: ("tau_", "decay_", "t_ref"), THRESHOLD: ("v_th",)}
UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class Shared:
    """The profiles that neurons need, where there are more than a core has.

    Attributes
    ----------
    starts : int64[n_neurons + 1]   rows of ``ids``
    ids : int64[m]                  profiles of each neuron
    kind : int64[n_profiles]        index into ``PROFILES``
    caps : int64[3]                 how many of each kind a core has
    """

    starts: np.ndarray
    ids: np.ndarray
    kind: np.ndarray
    caps: np.ndarray


def _of_neurons(wiring: Wiring, what: str) -> np.ndarray:
    """Number of the profile of each placed neuron: int64[n_neurons]."""
    rows: dict[tuple, int] = {}
    found = np.zeros(wiring.n_neurons, np.int64)
    for name in wiring.placed:
        first, n = wiring.first[name], wiring.sizes[name]
        neurons = wiring.network.populations[name].neurons
        params = getattr(neurons, "params", {})
        keys = sorted(key for key in params if key.startswith(_PARAMETERS[what]))
        arrays = [np.ravel(np.asarray(params[key], float)) for key in keys]
        width = n if any(a.size > 1 for a in arrays) else 1
        table = np.stack([np.broadcast_to(a[:n], width) for a in arrays]) if arrays else None
        kind = neurons.model.name if what == COMPARTMENT and arrays else ""
        if table is None or not n:
            continue
        each, number = np.unique(table, axis=1, return_inverse=True)
        known = [rows.setdefault((kind, *keys, *row), len(rows) + 1) for row in each.T.tolist()]
        found[first : first + n] = np.asarray(known)[np.ravel(number)]
    return found


def formats(wiring: Wiring) -> np.ndarray:
    """Number of the format of each projection's synapses: int64[n_projections].

    A format is the kind of list, the exponent of the largest weight, whether there are delays
    and whether there are weights of both signs.
    """
    n = len(wiring.projections)
    largest, least, latest = np.zeros(n), np.zeros(n), np.zeros(n, np.int64)
    which = wiring.projection.astype(np.intp)  # of the types that NumPy is fast with
    np.maximum.at(largest, which, wiring.weight)
    np.minimum.at(least, which, wiring.weight)
    np.maximum.at(latest, which, wiring.delay.astype(np.int64))
    known: dict[tuple, int] = {}
    found = np.zeros(n, np.int64)
    for k, name in enumerate(wiring.projections):
        top = max(largest[k], -least[k])
        exponent = int(np.ceil(np.log2(top))) if top else 0
        signs = (largest[k] > 0, least[k] < 0)
        row = (wiring.kinds[name], exponent, bool(latest[k] > 1), *signs)
        found[k] = known.setdefault(row, len(known))
    return found


def _pairs(wiring: Wiring, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Neurons and the profiles of one kind that they need, each pair once."""
    if what != SYNAPSE:
        numbers = _of_neurons(wiring, what)
        return np.arange(wiring.n_neurons)[numbers > 0], numbers[numbers > 0] - 1
    number = formats(wiring)
    n = int(number.max(initial=0)) + 1
    key = distinct(wiring.post.astype(np.int64) * n + number[wiring.projection])
    return key // n, key % n


def shared(wiring: Wiring, chip: Chip) -> Shared | None:
    """What neurons share on the cores of this chip; None where no core can run out of it."""
    neurons, ids, kind = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    caps = [chip.core.resources.get(what, UNLIMITED) for what in PROFILES]
    n_ids = 0
    for k, what in enumerate(PROFILES):
        if what not in chip.core.resources:
            continue
        if what == SYNAPSE and (
            len(wiring.projections) <= caps[k] or np.unique(formats(wiring)).size <= caps[k]
        ):
            continue
        neuron, number = _pairs(wiring, what)
        n = int(number.max(initial=-1)) + 1
        if n <= caps[k]:
            continue
        neurons.append(neuron)
        ids.append(number + n_ids)
        kind.append(np.full(n, k))
        n_ids += n
    if not n_ids:
        return None
    neuron, number = np.concatenate(neurons), np.concatenate(ids)
    order = np.argsort(neuron, kind="stable")
    starts = np.searchsorted(neuron[order], np.arange(wiring.n_neurons + 1)).astype(np.int64)
    return Shared(starts, number[order], np.concatenate(kind), np.array(caps, np.int64))


def profiles_used(
    wiring: Wiring, chip: Chip, core_of: np.ndarray, n_cores: int
) -> dict[str, np.ndarray]:
    """Distinct profiles of each kind that the chip limits, on each core: int64[n_cores]."""
    found = {}
    for what in PROFILES:
        if what in chip.core.resources:
            neuron, number = _pairs(wiring, what)
            n = int(number.max(initial=0)) + 1
            key = distinct(core_of[neuron].astype(np.int64) * n + number)
            found[what] = np.bincount(key // n, minlength=n_cores)
    return found
