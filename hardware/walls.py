"""Which walls has a chip as a whole? Counts of a network that no core holds, and their limits.

A chip file names them in ``[limits]``. Each is a number of the network alone, whatever the
mapping, so it is checked first; inputs are sources, outputs the neurons of populations that
reach none, hidden neurons all the rest: also those of a last layer with a loop, since outputs
of a chip do not reach themselves.
"""

from collections.abc import Callable

import numpy as np

from .chip import Chip
from .refusal import DoesNotFit
from .wiring import Wiring, distinct

# need, population that is too much (or ""), and where
Count = tuple[int, str, str]


def _largest_source(wiring: Wiring) -> str:
    return max(wiring.inputs, key=lambda name: wiring.sizes[name], default="")


def kinds_of(wiring: Wiring) -> np.ndarray:
    """uint8[n_total]: 0 hidden, 1 input, 2 output."""
    kinds = np.zeros(wiring.n_total, np.uint8)
    kinds[wiring.n_neurons :] = 1
    reaching = {pre for pre, _ in wiring.ends.values()}
    for name in wiring.placed:
        if name not in reaching:
            first = wiring.first[name]
            kinds[first : first + wiring.sizes[name]] = 2
    return kinds


def _largest_of(wiring: Wiring, kind: int) -> str:
    kinds, first = kinds_of(wiring), wiring.first
    names = [name for name in wiring.placed if kinds[first[name]] == kind]
    return max(names, key=lambda name: wiring.sizes[name], default="")


def _inputs(wiring: Wiring) -> Count:
    used = distinct(wiring.pre[wiring.pre >= wiring.n_neurons]).size
    return int(used), _largest_source(wiring), "sources with synapses"


def _hidden(wiring: Wiring) -> Count:
    need = int(np.count_nonzero(kinds_of(wiring) == 0))
    return need, _largest_of(wiring, 0), "neurons that reach others or themselves"


def _outputs(wiring: Wiring) -> Count:
    need = int(np.count_nonzero(kinds_of(wiring) == 2))
    return need, _largest_of(wiring, 2), "neurons that reach none"


def _sources(wiring: Wiring) -> Count:
    used = distinct(wiring.pre).size
    biggest = max(wiring.sizes, key=lambda name: wiring.sizes[name], default="")
    return int(used), biggest, "neurons and sources with synapses"


def _between_hidden(wiring: Wiring) -> np.ndarray:
    kinds = kinds_of(wiring)
    return (kinds[wiring.pre] == 0) & (kinds[wiring.post] == 0)


def _recurrent_synapses(wiring: Wiring) -> Count:
    need = int(np.count_nonzero(_between_hidden(wiring)))
    return need, _largest_of(wiring, 0), "synapses between hidden neurons"


def _fan_out(wiring: Wiring) -> Count:
    """Of hidden neurons onto hidden neurons, as the chip stores one list for each."""
    counts = np.bincount(wiring.pre[_between_hidden(wiring)], minlength=wiring.n_total)
    worst = int(np.argmax(counts)) if counts.size else 0
    name, index = wiring.locate(worst)
    return int(counts.max(initial=0)), name, f"population {name!r}, neuron {index}"


def _input_targets(wiring: Wiring) -> Count:
    used = distinct(wiring.post[wiring.pre >= wiring.n_neurons]).size
    return int(used), _largest_of(wiring, 0), "neurons that inputs reach"


def _output_sources(wiring: Wiring) -> Count:
    kinds = kinds_of(wiring)
    onto = (kinds[wiring.post] == 2) & (kinds[wiring.pre] == 0)
    return int(distinct(wiring.pre[onto]).size), _largest_of(wiring, 0), "neurons that are read"


def cyclic(wiring: Wiring) -> list[str]:
    """Projections whose target reaches their source again."""
    targets: dict[str, set[str]] = {}
    for pre, post in wiring.ends.values():
        targets.setdefault(pre, set()).add(post)

    def reaches(start: str, goal: str) -> bool:
        seen, front = {start}, {start}
        while front and goal not in seen:
            front = {far for name in front for far in targets.get(name, ())} - seen
            seen |= front
        return goal in seen

    return [name for name, (pre, post) in wiring.ends.items() if reaches(post, pre)]


def _recurrent_projections(wiring: Wiring) -> Count:
    names = cyclic(wiring)
    return len(names), "", ", ".join(repr(name) for name in names[:3])


# Of one layer, see layer_needs: the most, or the only numbers allowed.
LAYER_LIMITS = (
    "kernel_side",
    "kernel_asymmetry",
    "strided_kernel_side",
    "stride",
    "padding",
    "pool",
    "channels",
    "input_side",
    "output_side",
    "destinations",
    "dense_inputs",
)
# What may be limited, and how it is counted.
LIMITS: dict[str, Callable[[Wiring], Count] | None] = {
    "inputs": _inputs,
    "hidden": _hidden,
    "outputs": _outputs,
    "sources": _sources,
    "recurrent_synapses": _recurrent_synapses,
    "fan_out": _fan_out,
    "input_targets": _input_targets,
    "output_sources": _output_sources,
    "recurrent_projections": _recurrent_projections,
    "router_entries": None,  # per tile, once the neurons have their places
} | dict.fromkeys(LAYER_LIMITS)


def check_limits(wiring: Wiring, chip: Chip) -> None:
    """Refuse a network that is too much for the chip as a whole.

    Raises
    ------
    DoesNotFit
        Without remedies; they are searched elsewhere.
    """
    for name, limit in chip.limits.items():
        count = LIMITS[name]
        if count is None or not isinstance(limit, int):
            continue
        need, population, where = count(wiring)
        if need > limit:
            raise DoesNotFit(
                chip=chip.name,
                core=None,
                resource=name,
                need=need,
                limit=limit,
                where=where,
                population=population,
            )


def check_cam(wiring: Wiring, chip: Chip) -> None:
    """Refuse a neuron with more synapses than it has entries to recognise them by."""
    limit = chip.core.resources.get("cam_entries")
    if limit is None:
        return
    entries = int(chip.core.cost_rules["cam_entries"].params["units"])
    counts = entries * np.bincount(wiring.post, minlength=wiring.n_neurons)
    worst = int(np.argmax(counts)) if counts.size else 0
    if counts.max(initial=0) > limit:
        population, index = wiring.locate(worst)
        raise DoesNotFit(
            chip=chip.name,
            core=None,
            resource="cam_entries",
            need=int(counts[worst]),
            limit=limit,
            where=f"population {population!r}, neuron {index}",
            population=population,
        )
