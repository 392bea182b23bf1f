"""How does a neuron reach several cores on a chip where it addresses one? Splitter neurons.

A neuron with several targets, pairs of a core and a delay, addresses one row of a core that is
kept for that; there a splitter neuron for each target repeats its spikes, a tick later. A
delay of d ticks becomes d - 1 behind the splitter, so that only delays that were the chip's
shortest grow by a tick.
"""

from dataclasses import dataclass, replace

import numpy as np

from .chip import Chip
from .fill import USED_AXONS, USED_NEURONS
from .limits import UNLIMITED, cap
from .wiring import Wiring, counting_order

POPULATION = "splitter neurons"


@dataclass(frozen=True, slots=True)
class Split:
    """The network with splitter neurons.

    Attributes
    ----------
    wiring : Wiring                 with a population and a projection more
    core_of : int32[n_neurons]      of all of them
    n_cores : int
    usage : int64[n_cores, 3]       neurons and rows of the cores of splitters; words of none
    n_late : int                    synapses that are a tick late
    """

    wiring: Wiring
    core_of: np.ndarray
    n_cores: int
    usage: np.ndarray
    n_late: int

    def __str__(self) -> str:
        m = self.wiring.repeats.size
        late = f"; {self.n_late:,} synapses are a tick late" if self.n_late else ""
        return f"{m:,} splitter neurons repeat spikes for other targets{late}"


def _targets(wiring: Wiring, core_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The target of each synapse, numbered per source, and how many each source has."""
    deepest = int(wiring.delay.max(initial=0)) + 1
    n_places = (int(core_of.max(initial=0)) + 1) * deepest
    key = wiring.pre.astype(np.int64) * n_places
    key += core_of[wiring.post].astype(np.int64) * deepest + wiring.delay
    known, number = np.unique(key, return_inverse=True)
    count = np.bincount(known // n_places, minlength=wiring.n_total)
    first = np.concatenate([[0], np.cumsum(count)])
    return number - first[wiring.pre], count


def _cores(count: np.ndarray, n_cores: int, rows: int, room: int) -> np.ndarray | None:
    """Core of the splitters of each neuron; None where one has too many for a core."""
    found, core, used, taken = np.empty(count.size, np.int64), n_cores, 0, 0
    for k, n in enumerate(count.tolist()):
        if n > room:
            return None
        if used + n > room or taken == rows:
            core, used, taken = core + 1, 0, 0
        found[k] = core
        used, taken = used + n, taken + 1
    return found


def split(wiring: Wiring, chip: Chip, core_of: np.ndarray, n_cores: int) -> Split | None:
    """Insert a splitter neuron for each target of the neurons that have several.

    Returns None where a neuron has more targets than a core has neurons, or the splitters need
    more cores than there are.
    """
    target, count = _targets(wiring, core_of)
    n = wiring.n_neurons
    sources = np.flatnonzero(count[:n] > 1)
    room, rows = cap(chip, "neurons"), cap(chip, "axons_in")
    held = _cores(count[sources], n_cores, min(rows, UNLIMITED), room)
    total = chip.n_cores * chip.topology.max_chips
    if held is None or (held.size and held[-1] >= total):
        return None
    m = int(count[sources].sum())
    # Splitters are numbered behind the neurons, those of a source side by side.
    base = np.full(wiring.n_total, -1, np.int64)
    base[sources] = n + np.cumsum(count[sources]) - count[sources]
    moved = base[wiring.pre] >= 0
    least = chip.synapse.delay_min
    shift = np.where(np.arange(wiring.n_total) < n, 0, m)
    pre = np.where(moved, base[wiring.pre] + target, wiring.pre + shift[wiring.pre])
    delay = np.where(moved, np.maximum(least, wiring.delay - 1), wiring.delay)
    late = moved & (1 + delay > np.maximum(least, wiring.delay))
    repeats = np.repeat(sources, count[sources])
    columns = (
        np.concatenate([pre, repeats]),
        np.concatenate([wiring.post, np.arange(n, n + m)]),
        np.concatenate([delay, np.ones(m, np.int64)]),
        np.concatenate([wiring.projection, np.full(m, len(wiring.projections))]),
        np.concatenate([wiring.weight, np.ones(m)]),
    )
    n_all = int(held[-1]) + 1 if held.size else n_cores
    usage = np.zeros((n_all, 3), np.int64)
    usage[:, USED_NEURONS] = np.bincount(held, weights=count[sources], minlength=n_all)
    usage[:, USED_AXONS] = np.bincount(held, minlength=n_all)
    every = np.concatenate([core_of, np.repeat(held, count[sources])]).astype(np.int32)
    return Split(_with(wiring, columns, repeats), every, n_all, usage, int(np.count_nonzero(late)))


def _with(wiring: Wiring, columns: tuple[np.ndarray, ...], repeats: np.ndarray) -> Wiring:
    """The wiring with these synapses and with a population that repeats ``repeats``."""
    m = repeats.size
    pre, post, delay, projection = (column.astype(np.int32) for column in columns[:4])
    order, indptr = counting_order(pre, wiring.n_total + m)
    placed = {name: wiring.sizes[name] for name in wiring.placed}
    sources = {name: wiring.sizes[name] for name in wiring.inputs}
    return replace(
        wiring,
        sizes=placed | {POPULATION: m} | sources,
        n_neurons=wiring.n_neurons + m,
        n_total=wiring.n_total + m,
        projections=(*wiring.projections, POPULATION),
        ends=wiring.ends,
        pre=pre[order],
        post=post[order],
        delay=delay[order],
        projection=projection[order],
        indptr=indptr,
        weight=columns[4][order],
        macs=wiring.macs | {POPULATION: 0},
        kinds=wiring.kinds | {POPULATION: "sparse"},
        repeats=repeats,
    )
