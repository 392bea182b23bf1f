"""What does a chip see of a network? Flat arrays of all synapses, with global neuron ids.

Neurons are numbered in the order of the network's populations, sources after them: a
source is not placed on a core, its spikes come from outside. Synapses with weight zero
are left out, as compilers leave them out; delays are in ticks of the chip.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from neurosim import checks
from neurosim._jit import kernel
from neurosim.connectivity.delays import to_steps
from neurosim.errors import ParameterError
from neurosim.network import expand

if TYPE_CHECKING:
    from neurosim.network import Network


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wiring:
    """The synapses of a network as flat arrays, sorted by ``pre``.

    Attributes
    ----------
    sizes : dict                    neurons per population, placed ones first, sources last
    n_neurons, n_total : int        placed neurons; with the sources
    pre, post : int32[nnz]          global ids, ``post < n_neurons``
    delay : int32[nnz]              ticks
    projection : int32[nnz]         index into ``projections``
    indptr : int64[n_total + 1]     rows of ``pre``
    macs : dict                     synapses per projection, zero weights included
    weights : Weights               what a chip's weights would have to represent
    models : tuple of str           names of the neuron models
    """

    time: str
    tick: float
    sizes: dict[str, int]
    n_neurons: int
    n_total: int
    projections: tuple[str, ...]
    ends: dict[str, tuple[str, str]]
    pre: np.ndarray
    post: np.ndarray
    delay: np.ndarray
    projection: np.ndarray
    indptr: np.ndarray
    macs: dict[str, int]
    weights: "Weights"
    models: tuple[str, ...]

    @property
    def nnz(self) -> int:
        """Number of non-zero synapses."""
        return int(self.pre.size)

    @property
    def first(self) -> dict[str, int]:
        """Global id of the first neuron of each population."""
        starts = np.cumsum([0, *self.sizes.values()])
        return {name: int(start) for name, start in zip(self.sizes, starts, strict=False)}

    @property
    def placed(self) -> list[str]:
        """Names of the populations that live on cores."""
        first = self.first
        return [name for name in self.sizes if first[name] < self.n_neurons]

    def locate(self, neuron: int) -> tuple[str, int]:
        """Population and index within it of a global id."""
        name, start = "", 0
        for candidate, at in self.first.items():
            if at <= neuron and self.sizes[candidate]:
                name, start = candidate, at
        return name, neuron - start


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What weights a network has, as far as a chip's weight format is concerned."""

    integer: bool
    largest: float
    n_values: int
    mixed_sources: int


def tick_of(network: "Network", tick: float | None) -> float:
    """The tick of the chip in units of the network's time: 1 ms, or one step.

    Raises
    ------
    ParameterError
        The tick is not positive, or not 1 for a network in steps.
    """
    if tick is None:
        return 1.0
    value = checks.number("hardware", "tick", tick, above=0, unit="ms")
    if network.time == "steps" and value != 1.0:
        raise ParameterError(
            "hardware.tick must be left out for a network with time='steps', "
            f"where one step is one tick of the chip, got {value:g}"
        )
    return value


@kernel
def counting_order(keys, n_keys):
    """Positions of ``keys`` in ascending order, stable, and the row starts.

    Parameters
    ----------
    keys : int32[k]                 0 <= key < n_keys
    n_keys : int

    Returns
    -------
    (int64[k], int64[n_keys + 1])
    """
    starts = np.zeros(n_keys + 1, np.int64)
    for i in range(keys.size):
        starts[keys[i] + 1] += 1
    for key in range(n_keys):
        starts[key + 1] += starts[key]
    place = starts.copy()
    order = np.empty(keys.size, np.int64)
    for i in range(keys.size):
        order[place[keys[i]]] = i
        place[keys[i]] += 1
    return order, starts


def _weights(pre: np.ndarray, weight: np.ndarray, n_total: int) -> Weights:
    positive = np.bincount(pre[weight > 0], minlength=n_total) > 0
    negative = np.bincount(pre[weight < 0], minlength=n_total) > 0
    return Weights(
        integer=bool(np.all(weight == np.rint(weight))),
        largest=float(np.abs(weight).max(initial=0.0)),
        n_values=int(np.unique(weight).size),
        mixed_sources=int(np.count_nonzero(positive & negative)),
    )


def wire(network: "Network", tick: float | None = None) -> Wiring:
    """Flatten a network; ``tick`` in ms for continuous networks (default 1 ms).

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> a, b = net.add(ns.SpikeSource(2), "a"), net.add(ns.LIF(3), "b")
    >>> _ = net.connect(a, b, weight=[[1, 0, 2], [0, 0, 3]], delay=2.0)
    >>> w = wire(net)
    >>> (w.pre.tolist(), w.post.tolist(), w.delay.tolist())
    ([3, 3, 4], [0, 2, 2], [2, 2, 2])
    """
    tick = tick_of(network, tick)
    ordered = sorted(network.populations.values(), key=lambda population: population.is_source)
    sizes = {population.name: population.n for population in ordered}
    n_neurons = sum(p.n for p in ordered if not p.is_source)
    n_total = sum(sizes.values())
    first = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    columns: list[list[np.ndarray]] = [[], [], [], [], []]
    macs = {}
    for index, (name, projection) in enumerate(network.projections.items()):
        synapses = expand(network, projection)
        macs[name] = len(synapses)
        kept = np.flatnonzero(synapses.weight)
        columns[0].append((synapses.pre[kept] + first[projection.pre.name]).astype(np.int32))
        columns[1].append((synapses.post[kept] + first[projection.post.name]).astype(np.int32))
        columns[2].append(to_steps(synapses.delay[kept], tick).astype(np.int32))
        columns[3].append(np.full(kept.size, index, np.int32))
        columns[4].append(synapses.weight[kept])
    kinds = (np.int32, np.int32, np.int32, np.int32, np.float64)
    pre, post, delay, which, weight = (
        np.concatenate(column) if column else np.empty(0, kind)
        for column, kind in zip(columns, kinds, strict=True)
    )
    order, indptr = counting_order(pre, n_total)
    return Wiring(
        time=network.time,
        tick=tick,
        sizes=sizes,
        n_neurons=n_neurons,
        n_total=n_total,
        projections=tuple(network.projections),
        ends={name: (p.pre.name, p.post.name) for name, p in network.projections.items()},
        pre=pre[order],
        post=post[order],
        delay=delay[order],
        projection=which[order],
        indptr=indptr,
        macs=macs,
        weights=_weights(pre, weight, n_total),
        models=tuple(sorted({p.kind for p in ordered if not p.is_source})),
    )


def restrict(wiring: Wiring, sizes: dict[str, int]) -> Wiring:
    """The same network with only the first ``sizes[name]`` neurons of each population."""
    parts = [np.arange(old) < sizes[name] for name, old in wiring.sizes.items()]
    keep = np.concatenate(parts or [np.empty(0, bool)])
    number = (np.cumsum(keep) - 1).astype(np.int32)
    kept = keep[wiring.pre] & keep[wiring.post]
    placed = sum(sizes[name] for name in wiring.placed)
    return _select(
        wiring, kept, number, sizes=dict(sizes), n_neurons=placed, n_total=int(keep.sum())
    )


def limit_fan_in(wiring: Wiring, axons: np.ndarray, most: int) -> Wiring:
    """The same network with at most ``most`` distinct axons into each neuron.

    ``axons`` numbers the axon of each synapse (see ``mapping.axon_keys``).
    """
    order = np.lexsort((axons, wiring.post))
    post, axon = wiring.post[order], axons[order]
    new = np.ones(order.size, np.int64)
    new[1:] = (post[1:] != post[:-1]) | (axon[1:] != axon[:-1])
    rank = np.cumsum(new)
    starts = np.flatnonzero(np.r_[True, post[1:] != post[:-1]]) if order.size else order
    base = np.repeat(rank[starts], np.diff(np.r_[starts, order.size]))
    kept = np.zeros(order.size, bool)
    kept[order] = rank - base < most
    return _select(wiring, kept, np.arange(wiring.n_total, dtype=np.int32))


def _select(wiring: Wiring, kept: np.ndarray, number: np.ndarray, **changes) -> Wiring:
    pre = number[wiring.pre[kept]]
    n_total = changes.get("n_total", wiring.n_total)
    return replace(
        wiring,
        pre=pre,
        post=number[wiring.post[kept]],
        delay=wiring.delay[kept],
        projection=wiring.projection[kept],
        indptr=np.searchsorted(pre, np.arange(n_total + 1)).astype(np.int64),
        **changes,
    )
