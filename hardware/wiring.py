"""What does a chip see of a network? Flat arrays of all synapses, with global neuron ids.

Neurons are numbered in the order of the network's populations, sources after them: a
source is not placed on a core, its spikes come from outside. Synapses with weight zero
are left out, as compilers leave them out; delays are in ticks of the chip.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim import checks
from neurosim._jit import kernel
from neurosim.connectivity import AllToAll, FromArrays, FromMatrix
from neurosim.connectivity.delays import to_steps
from neurosim.connectivity.procedural import Procedural
from neurosim.errors import BuildError, ParameterError
from neurosim.synapses import Synapses, expand, expand_compactly, spread

if TYPE_CHECKING:
    from neurosim.network import Network, Projection

# Rules whose synapses stay what they are when a population is cut; others are drawn again.
_LISTED = (AllToAll, FromArrays, FromMatrix)
_MOST_TICKS = 2**31 - 1


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
    weight : float64[nnz]           never 0
    macs : dict                     synapses per projection, zero weights included
    kinds : dict                    "conv", "dense" or "sparse" of each projection
    models : tuple of str           names of the neuron models
    features : tuple of str         what they need beyond an integrator that is reset to a value
    stimuli : tuple of str          inputs that are no population, which nothing here counts
    network : Network               what was flattened
    repeats : int64[m]              neurons whose spikes splitter neurons repeat, see splitters.py
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
    weight: np.ndarray
    macs: dict[str, int]
    kinds: dict[str, str]
    models: tuple[str, ...]
    features: tuple[str, ...]
    stimuli: tuple[str, ...]
    network: "Network"
    repeats: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

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

    @property
    def inputs(self) -> list[str]:
        """Names of the sources."""
        first = self.first
        return [name for name in self.sizes if first[name] >= self.n_neurons]

    def locate(self, neuron: int) -> tuple[str, int]:
        """Population and index within it of a global id."""
        name, start = "", 0
        for candidate, at in self.first.items():
            if at <= neuron and self.sizes[candidate]:
                name, start = candidate, at
        return name, neuron - start


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


def distinct(keys: np.ndarray) -> np.ndarray:
    """The distinct keys, ascending; sorts, where NumPy's hashing takes ten times as long.

    >>> distinct(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    ordered = np.sort(keys, axis=None)
    new = np.ones(ordered.size, bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return ordered[new]


def is_matrix(rule: Any) -> bool:
    """Whether a rule has a weight for every pair, in a kernel without places."""
    return isinstance(rule, Procedural) and not rule.space


@dataclass(frozen=True, slots=True)
class _Sized:
    """Stands for a population of another size, so that its synapses can be drawn again."""

    name: str
    n: int


def _synapses(network: "Network", projection: "Projection", sizes: dict[str, int]) -> Synapses:
    """The synapses of a projection between populations of these sizes.

    Raises
    ------
    BuildError
        The rule cannot connect populations of these sizes.
    """
    pre, post = projection.pre, projection.post
    n_pre, n_post = sizes[pre.name], sizes[post.name]
    if (n_pre, n_post) == (pre.n, post.n):
        return expand(network, projection)
    if isinstance(projection.rule, _LISTED) or is_matrix(projection.rule):
        s = expand(network, projection)
        kept = (s.pre < n_pre) & (s.post < n_post)
        return Synapses(s.pre[kept], s.post[kept], s.weight[kept], s.delay[kept])
    small = _Sized(pre.name, n_pre)
    target = small if pre is post else _Sized(post.name, n_post)
    try:
        found = spread(expand_compactly(network, replace(projection, pre=small, post=target)))
    except ParameterError as error:
        raise BuildError(str(error)) from None
    if not found.pre.size == found.weight.size == found.delay.size:
        raise BuildError(f"Projection {projection.name!r} has weights or delays for one size only")
    return found


def _ticks(owner: str, delay: np.ndarray, tick: float) -> np.ndarray:
    longest = float(delay.max(initial=0.0))
    if longest / tick >= _MOST_TICKS:
        raise ParameterError(
            f"hardware.tick must be so long that no delay has {_MOST_TICKS:,} ticks, got "
            f"{tick:g} ms for a delay of {longest:g} ms in {owner!r}; use a longer tick"
        )
    return to_steps(delay, tick).astype(np.int32)


def _features(populations: list[Any]) -> tuple[str, ...]:
    """What neurons and sources need beyond integration, a threshold and a reset to a value."""
    found = set()
    for population in populations:
        if getattr(population.neurons, "graded", False):
            found.add("graded_spikes")
        if population.is_source or not population.n:
            continue
        params, state = population.neurons.params, population.neurons.model.state
        if population.neurons.model.payload is not None:
            found.add("graded_spikes")
        if "tau_syn_exc" in params:
            found.add("two_exponential_synapses")
        elif "x_syn" in state:
            found.add("alpha_synapse")
        elif "tau_syn" in params:
            found.add("exponential_synapse")
        elif "i_syn" in state:
            found.add("step_synapse")
        if np.any(np.asarray(params.get("t_ref", 0.0)) > 0):
            found.add("refractory")
        if np.any(np.asarray(params.get("soft_reset", 0.0)) > 0):
            found.add("soft_reset")
    return tuple(sorted(found))


def _flat(
    network: "Network", tick: float, sizes: dict[str, int], first: dict[str, int]
) -> tuple[list[np.ndarray], dict[str, int]]:
    """pre, post, delay, projection and weight of all synapses, and the MACs of projections."""
    columns: list[list[np.ndarray]] = [[], [], [], [], []]
    macs = {}
    for index, (name, projection) in enumerate(network.projections.items()):
        synapses = _synapses(network, projection, sizes)
        macs[name] = len(synapses)
        kept = np.flatnonzero(synapses.weight)
        columns[0].append((synapses.pre[kept] + first[projection.pre.name]).astype(np.int32))
        columns[1].append((synapses.post[kept] + first[projection.post.name]).astype(np.int32))
        columns[2].append(_ticks(name, synapses.delay[kept], tick))
        columns[3].append(np.full(kept.size, index, np.int32))
        columns[4].append(synapses.weight[kept])
    kinds = (np.int32, np.int32, np.int32, np.int32, np.float64)
    whole = [
        np.concatenate(column) if column else np.empty(0, kind)
        for column, kind in zip(columns, kinds, strict=True)
    ]
    return whole, macs


def _kind(projection: "Projection") -> str:
    """The format in which a chip would store the synapses of a projection."""
    rule = projection.rule
    if isinstance(rule, Procedural) and rule.space:
        return "conv"
    return "dense" if isinstance(rule, (AllToAll, FromMatrix, Procedural)) else "sparse"


def wire(
    network: "Network", tick: float | None = None, sizes: dict[str, int] | None = None
) -> Wiring:
    """Flatten a network; ``tick`` in ms for continuous networks (default 1 ms).

    With ``sizes``, as if its populations had these sizes: synapses that are listed or follow
    from the sizes are cut, those of random rules are drawn again, as the network would.

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
    sizes = {p.name: p.n if sizes is None else sizes[p.name] for p in ordered}
    n_total = sum(sizes.values())
    first = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    (pre, post, delay, which, weight), macs = _flat(network, tick, sizes, first)
    order, indptr = counting_order(pre, n_total)
    return Wiring(
        time=network.time,
        tick=tick,
        sizes=sizes,
        n_neurons=sum(sizes[p.name] for p in ordered if not p.is_source),
        n_total=n_total,
        projections=tuple(network.projections),
        ends={name: (p.pre.name, p.post.name) for name, p in network.projections.items()},
        pre=pre[order],
        post=post[order],
        delay=delay[order],
        projection=which[order],
        indptr=indptr,
        weight=weight[order],
        macs=macs,
        kinds={name: _kind(p) for name, p in network.projections.items()},
        models=tuple(sorted({p.kind for p in ordered if not p.is_source})),
        features=_features(ordered),
        stimuli=tuple(getattr(network, "stimuli", None) or ()),
        network=network,
    )
