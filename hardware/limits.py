"""How much does a core hold, and which axon does a synapse take? Limits and their units."""

import numpy as np

from .chip import Chip
from .fill import LINEAR, NO_RULE, POOLED, SYNLIST
from .wiring import Wiring, distinct

UNLIMITED = 2**62


def cap(chip: Chip, resource: str) -> int:
    """How many neurons, axons or synapses a core has room for."""
    limit = chip.core.resources.get(resource)
    return UNLIMITED if limit is None else limit // units(chip, resource)


def units(chip: Chip, resource: str) -> int:
    """How much of a resource one neuron, axon or word of synapses takes."""
    return int(chip.core.cost_rules[resource].params.get("units", 1))


def memory_resource(chip: Chip) -> str:
    """The name of the resource that synapses fill: words of their lists, or pooled bytes."""
    return "bytes" if "bytes" in chip.core.resources else "synapse_words"


def sizes(wiring: Wiring, chip: Chip) -> np.ndarray:
    """int64[n, 2]: room and memory that each neuron takes by itself."""
    found = np.zeros((wiring.n_neurons, 2), np.int64)
    found[:, 0] = 1
    room = chip.core.cost_rules.get("neurons")
    if room is not None and room.name == "joined_circuits":
        inputs = fan_in(wiring, chip)
        found[:, 0] = np.maximum(1, -(-inputs // int(room.params["fan_in"])))
    bytes_ = chip.core.cost_rules.get("bytes")
    if bytes_ is not None:
        found[:, 1] = int(bytes_.params["neuron_bytes"])
    return found


def fan_in(wiring: Wiring, chip: Chip) -> np.ndarray:
    """Distinct axons into each placed neuron: int64[n]."""
    axons, n_axons = axon_keys(wiring, chip)
    pairs = distinct(wiring.post.astype(np.int64) * n_axons + axons)
    return np.bincount(pairs // max(1, n_axons), minlength=wiring.n_neurons)


def signed_rows(wiring: Wiring, chip: Chip) -> np.ndarray:
    """uint8[nnz]: 1 for synapses that need the second axon of their source.

    Where a chip gives all synapses of an axon one sign, a source with synapses of both signs
    takes two axons, and each of its spikes is two events.
    """
    if chip.synapse.sign != "per_source":
        return np.zeros(wiring.nnz, np.uint8)
    return (wiring.weight < 0).astype(np.uint8)


def delay_numbers(wiring: Wiring) -> tuple[np.ndarray, int]:
    """The delays that occur, numbered from 0, and how many there are."""
    if wiring.delay.max(initial=0) < 64:
        return wiring.delay, int(wiring.delay.max(initial=0)) + 1
    known, number = np.unique(wiring.delay, return_inverse=True)
    return number.astype(np.int32), int(known.size)


def axon_keys(wiring: Wiring, chip: Chip) -> tuple[np.ndarray, int]:
    """Number of the axon of each synapse, and how many numbers there are."""
    keys, n_keys = wiring.pre.astype(np.int64), wiring.n_total
    if chip.synapse.sign == "per_source":
        keys, n_keys = 2 * keys + signed_rows(wiring, chip), 2 * n_keys
    rule = chip.core.cost_rules.get("axons_in")
    if rule is not None and rule.params.get("axon") == "source_delay":
        number, n_delays = delay_numbers(wiring)
        keys, n_keys = keys * n_delays + number, n_keys * n_delays
    return keys, n_keys


def memory(chip: Chip, wiring: Wiring) -> np.ndarray:
    """The parameters of the memory rule, in the columns that ``fill.py`` names."""
    rule = chip.core.cost_rules.get(memory_resource(chip))
    if rule is None:
        return np.array([NO_RULE, 1, 0, 1, 0, 0, 0], np.int64)
    p = rule.params
    if rule.name == "linear":
        return np.array([LINEAR, 1, 0, 1, 0, 0, 0], np.int64)
    if rule.name == "pooled_bytes":
        return np.array([POOLED, 1, 0, 1, p["synapse_bytes"], 0, p["axon_bytes"]], np.int64)
    # Where no synapse is delayed by more than the pipeline, the lists store no delays.
    delay_bits = p["delay_bits"] if wiring.delay.max(initial=0) > 1 else 0
    entry = p["weight_bits"] + delay_bits + p["tag_bits"]
    numbers = (SYNLIST, p["word_bits"], p["header_bits"], p["block"], entry, p["index_bits"], 0)
    return np.array(numbers, np.int64)
