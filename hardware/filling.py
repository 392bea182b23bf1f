"""How full do cores become, and which of their walls is met first? Filling, and its refusals."""

import numpy as np

from .chip import Chip
from .fill import (
    AXONS_IN,
    FIRST_PROFILE,
    FITS,
    NEURONS,
    SYNAPSE_WORDS,
    USED_AXONS,
    USED_NEURONS,
    USED_WORDS,
    count_axon_targets,
    fill_cores,
)
from .limits import (
    UNLIMITED,
    axon_keys,
    cap,
    delay_numbers,
    memory,
    memory_resource,
    sizes,
    units,
)
from .profiles import PROFILES, profiles_used, shared
from .refusal import DoesNotFit
from .wiring import Wiring, counting_order


def _walls(chip: Chip) -> dict[int, str]:
    """Wall of the filling -> resource; the memory of a core is words or pooled bytes."""
    walls = {NEURONS: "neurons", AXONS_IN: "axons_in", SYNAPSE_WORDS: memory_resource(chip)}
    return walls | {FIRST_PROFILE + k: what for k, what in enumerate(PROFILES)}


def columns(chip: Chip) -> dict[str, int]:
    return {"neurons": USED_NEURONS, "axons_in": USED_AXONS, memory_resource(chip): USED_WORDS}


def _run_fill(
    wiring: Wiring, chip: Chip, taken: np.ndarray, caps: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int, int]:
    axons, n_axons = axon_keys(wiring, chip)
    order, starts = counting_order(wiring.post, wiring.n_neurons)
    limits = np.array(caps, np.int64)
    own, words = sizes(wiring, chip), memory(chip, wiring)
    few = shared(wiring, chip)
    empty = np.zeros(0, np.int64)
    profiles = (
        (np.zeros(wiring.n_neurons + 1, np.int64), empty, empty, empty)
        if few is None
        else (few.starts, few.ids, few.kind, few.caps)
    )
    return fill_cores(starts, axons[order], n_axons, taken, own, limits, words, profiles)


def _caps(chip: Chip) -> list[int]:
    return [cap(chip, name) for name in columns(chip)]


def fill_chip(
    wiring: Wiring, chip: Chip, taken: np.ndarray, most_neurons: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cores of the neurons and what they use, or DoesNotFit where that cannot be."""
    caps = _caps(chip)
    caps[USED_NEURONS] = min(caps[USED_NEURONS], most_neurons)
    core_of, usage, closed, status, neuron, need = _run_fill(wiring, chip, taken, caps)
    total = chip.n_cores * chip.topology.max_chips
    if total == 1 and (status != FITS or usage.shape[0] > 1):
        raise whole_network(wiring, chip)
    if status != FITS:
        population, index = wiring.locate(neuron)
        resource = _walls(chip)[status]
        raise DoesNotFit(
            chip=chip.name,
            core=int(usage.shape[0] - 1),
            resource=resource,
            need=int(need) * units(chip, resource),
            limit=chip.core.resources[resource],
            where=f"population {population!r}, neuron {index} alone",
            population=population,
        )
    if usage.shape[0] > total:
        chips, binding = chip.topology.max_chips, _walls(chip)[int(np.argmax(closed[1:])) + 1]
        whole = f"{chips} chips of {chip.n_cores}" if chips > 1 else "the whole chip"
        raise DoesNotFit(
            chip=chip.name,
            core=None,
            resource="cores",
            need=int(usage.shape[0]),
            limit=total,
            where=f"{whole}, cores filled up by {binding}",
        )
    return core_of, usage


def whole_network(wiring: Wiring, chip: Chip) -> DoesNotFit:
    """The worst wall of a chip's only core, by the need of the whole network."""
    taken, used = np.arange(wiring.n_neurons), columns(chip)
    _, usage, *_ = _run_fill(wiring, chip, taken, [UNLIMITED] * len(used))
    needs = {
        name: int(usage[0, column]) * units(chip, name)
        for name, column in used.items()
        if name in chip.core.resources
    }
    everywhere = np.zeros(wiring.n_neurons, np.int32)
    for name, profiles in profiles_used(wiring, chip, everywhere, 1).items():
        needs[name] = int(profiles[0])
    worst = max(needs, key=lambda name: needs[name] / chip.core.resources[name])
    return DoesNotFit(
        chip=chip.name,
        core=0,
        resource=worst,
        need=needs[worst],
        limit=chip.core.resources[worst],
        where="the only core holds the whole network",
    )


def check_targets(wiring: Wiring, chip: Chip, core_of: np.ndarray, n_cores: int) -> None:
    """The wall of chips whose neurons address a single axon."""
    if chip.topology.multicast != "single_target" or not wiring.nnz:
        return
    delay, n_delays = delay_numbers(wiring)
    counts = count_axon_targets(wiring.indptr, wiring.post, delay, core_of, n_cores, n_delays)
    counts = counts[: wiring.n_neurons]
    worst = int(np.argmax(counts)) if counts.size else 0
    if counts.size and counts[worst] > 1:
        population, index = wiring.locate(worst)
        several = counts[counts > 1]
        raise DoesNotFit(
            chip=chip.name,
            core=int(core_of[worst]),
            resource="targets_per_neuron (distinct core and delay)",
            need=int(counts[worst]),
            limit=1,
            where=f"population {population!r}, neuron {index}, without splitter neurons",
            population=population,
            hint=f"about {int(several.sum()):,} splitter neurons, one per target of the "
            f"{several.size:,} neurons with several, more than the chip has room for",
        )


def no_slots(
    wiring: Wiring, chip: Chip, core_of: np.ndarray, counts: np.ndarray, out: np.ndarray
) -> DoesNotFit:
    """The wall of output axons, at the core that is worst off."""
    core = int(np.argmax(out))
    inside = np.flatnonzero(core_of == core)
    worst = int(inside[np.argmax(counts[inside])])
    population, index = wiring.locate(worst)
    where = f"{inside.size} neurons, population {population!r}, neuron {index} takes "
    return DoesNotFit(
        chip=chip.name,
        core=core,
        resource="axons_out",
        need=int(out[core]) * units(chip, "axons_out"),
        limit=chip.core.resources["axons_out"],
        where=where + f"{int(counts[worst])}",
        population=population,
    )
