"""Which synapses go into which store? From projections to the tables of stores.

Populations whose arrivals are collected together form a *group*: a strongly connected
component, or a single population where a zero delay inside forces an order. One
store serves all projections from one source population into one group, but those with a
kernel, which have their own.
"""

from dataclasses import dataclass, field

import numpy as np

from ..connectivity.delays import to_steps
from ..connectivity.deliver import COLUMNS, GAINS
from ..connectivity.distributions import Distribution
from ..connectivity.learning import LearningStore
from ..connectivity.sparse import SparseStore
from ..connectivity.stamping import StampStore
from ..errors import ParameterError
from ..models.schedule import Schedule
from ..network import Network, Projection
from ..synapses import has_kernel
from .changing import LearningSynapses
from .components import Component, components
from .filling import Bundle, DelayRounding, Layout, WeightRounding, fill_stores, least_delay
from .kernels import stamp_stores
from .learning import Slots, learning_stores


@dataclass(frozen=True, slots=True, eq=False)
class BuiltComponent:
    """Populations that are computed together.

    Attributes
    ----------
    members : int64 (m,)        indices of populations
    groups : int64 (g, 3)       number of the group, first and last member
    window : int                see :class:`~neurosim.engine.components.Component`
    """

    members: np.ndarray
    groups: np.ndarray
    window: int


@dataclass(eq=False)
class BuiltStores:
    """All synapses of a network as stores, with their tables and what building them told.

    Attributes
    ----------
    components : list of BuiltComponent       in topological order
    tables : int64 (parts, s, COLUMNS)        one table of stores for each part
    incoming : int64 (groups + 1,)            stores of group k: incoming[k]:incoming[k+1]
    out_degree : dict of projection name to int64 (n_pre,)
    stores, sources : list                    stores, all parts of a source's together; the sources
    learning : dict of projection name to LearningSynapses, until they are frozen
    frozen : bool                             have they been?
    gains : dict of column of ``tables`` to Schedule    stores whose weights change in time
    rounding, packing : list            what rounding changed in delays, packing in weights
    """

    components: list[BuiltComponent]
    tables: np.ndarray = field(default_factory=lambda: np.zeros((1, 0, COLUMNS), np.int64))
    incoming: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    stores: list[SparseStore | LearningStore | StampStore] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    learning: dict[str, LearningSynapses] = field(default_factory=dict)
    frozen: bool = False
    out_degree: dict[str, np.ndarray] = field(default_factory=dict)
    rounding: list[DelayRounding] = field(default_factory=list)
    packing: list[WeightRounding] = field(default_factory=list)
    gains: dict[int, Schedule] = field(default_factory=dict)
    max_delay: int = 0

    def refresh(self) -> None:
        """Note again where the stores lie and which delays they have."""
        parts = len(self.tables)
        for k, (store, pre) in enumerate(zip(self.stores, self.sources, strict=True)):
            gains = self.tables[k % parts, k // parts, GAINS]
            self.tables[k % parts, k // parts] = store.row(pre)
            self.tables[k % parts, k // parts, GAINS] = gains

    def learner(self, projection: str) -> LearningSynapses:
        """The synapses of a projection that learns.

        Raises
        ------
        ParameterError
            It does not, or not any more.
        """
        if projection not in self.learning:
            frozen = ", as freeze() was called" if self.frozen else ""
            raise ParameterError(
                f"Simulator.synapses: projection must be one of {list(self.learning)}{frozen}, got "
                f"{projection!r}; name it in Simulator(..., learning=[...])"
            )
        return self.learning[projection]

    def freeze(self) -> None:
        """Put frozen stores in the place of the learning ones."""
        for synapses in self.learning.values():
            synapses.freeze()
        self.frozen = self.frozen or bool(self.learning)
        self.learning = {}
        for k, store in enumerate(self.stores):
            if isinstance(store, LearningStore):
                self.stores[k] = store.freeze()
        self.refresh()


def build_stores(
    network: Network,
    *,
    dt: float,
    real: str,
    parts: int,
    round_delays: bool,
    input_start: list[int],
    packed: bool = False,
    learning: tuple[str, ...] = (),
) -> BuiltStores:
    """Draw all projections into stores, one store at a time.

    With ``packed``, weights that differ share a word with their targets, rounded to multiples
    of a scale (see :class:`~neurosim.connectivity.packing.Packing`). Projections named in
    ``learning`` can be changed later; they, and others in the same stores, keep exact weights.

    Raises
    ------
    BuildError
        A delay between 0 and dt, a cycle of zero delays, a rule that cannot be met.
    """
    names = list(network.populations)
    index = {name: k for k, name in enumerate(names)}
    starts = dict(zip(names, input_start, strict=True))
    layout = Layout(dt, real, parts, round_delays, packed, starts)
    edges = [
        (index[p.pre.name], index[p.post.name], _least_steps(network, p, dt))
        for p in network.projections.values()
        if p.rule.size(p.pre.n, p.post.n, p.pre is p.post) != 0
    ]
    ordered = components(len(names), edges, names)
    group_of, built_components = _groups(ordered)
    built = BuiltStores(built_components)
    slots: dict[str, Slots] = {}
    per_group = np.zeros(len(set(group_of)), np.int64)
    for (group, pre), projections in _by_group_and_source(network, index, group_of).items():
        kernels = [p for p in projections if has_kernel(p, learning)]
        listed = [p for p in projections if not has_kernel(p, learning)]
        learn = slots if any(p.name in learning for p in listed) else None
        together = [(None, [p for p in listed if p.gain is None])]
        together += [(p.gain, [p]) for p in listed if p.gain is not None]
        made = [
            (gain, _build_group_stores(network, members, built, layout, learn))
            for gain, members in together
        ]
        made += [(p.gain, _build_stamps(p, built, layout)) for p in kernels]
        for gain, stores in made:
            if not stores:
                continue
            if gain is not None:
                built.gains[len(built.stores) // parts] = gain
            built.sources += [pre] * len(stores)
            built.stores += stores
            per_group[group] += 1
    built.tables = np.zeros((parts, len(built.stores) // parts, COLUMNS), np.int64)
    built.refresh()
    built.incoming = np.concatenate(([0], np.cumsum(per_group)))
    for p in (network.projections[name] for name in learning):
        limits = _shortest(built.components, index[p.pre.name], index[p.post.name]), built.max_delay
        built.learning[p.name] = LearningSynapses(
            network, p, layout, slots.get(p.name), limits, built.refresh
        )
    return built


def _shortest(components: list[BuiltComponent], pre: int, post: int) -> int:
    """The least delay [steps] that a projection may have in the order of computation."""
    component = next(c for c in components if post in c.members)
    if pre not in component.members:
        return 0
    if component.window:
        return max(component.window, 1)
    order = component.members.tolist()  # zero delays point forwards
    return int(order.index(pre) >= order.index(post))


def _least_steps(network: Network, projection: Projection, dt: float) -> int:
    """Smallest delay, or a bound below it: a drawn one only where the bound would be zero."""
    delay = projection.delay
    if isinstance(delay, Distribution):
        bound = int(to_steps(max(delay.low_bound, 0.0), dt))
        return bound if bound > 0 else int(to_steps(least_delay(network, projection), dt))
    return int(to_steps(np.min(delay, initial=np.inf), dt)) if np.size(delay) else 1


def _groups(ordered: list[Component]) -> tuple[list[int], list[BuiltComponent]]:
    """Number of each population's group, and the components in terms of groups."""
    group_of = [0] * sum(len(c.members) for c in ordered)
    built, number = [], 0
    for component in ordered:
        alone = component.window == 0
        sets = [[m] for m in component.members] if alone else [component.members]
        groups, first = [], 0
        for members in sets:
            for m in members:
                group_of[m] = number
            groups.append([number, first, first + len(members)])
            first += len(members)
            number += 1
        members = np.array(component.members, np.int64)
        built.append(BuiltComponent(members, np.array(groups, np.int64), component.window))
    return group_of, built


def _by_group_and_source(network, index, group_of) -> dict[tuple[int, int], list[Projection]]:
    found: dict[tuple[int, int], list[Projection]] = {}
    for p in network.projections.values():
        key = group_of[index[p.post.name]], index[p.pre.name]
        found.setdefault(key, []).append(p)
    return dict(sorted(found.items()))


def _build_group_stores(
    network: Network,
    projections: list[Projection],
    built: BuiltStores,
    layout: Layout,
    slots: dict[str, Slots] | None,
) -> list[SparseStore] | list[LearningStore]:
    """The stores (one for each part) of projections of one source into one group.

    With ``slots`` they are learning stores, and it hears where each projection is in them.
    """
    bundles: list[Bundle] = []
    for p in projections:
        bundle = Bundle(network, p, layout)
        built.out_degree[p.name] = bundle.edges.counts
        if len(bundle.edges):
            bundles.append(bundle)
    if not bundles:
        return []
    if slots is None:
        stores, packing = fill_stores(bundles, projections[0].pre.n)
        built.packing += packing
    else:
        stores, where = learning_stores(bundles, projections[0].pre.n)
        slots |= where
    for bundle in bundles:
        rounding = bundle.rounding()
        built.rounding += [rounding] if rounding else []
        built.max_delay = max(built.max_delay, bundle.grid.greatest)
    return stores


def _build_stamps(p: Projection, built: BuiltStores, layout: Layout) -> list[StampStore]:
    """The stores (one for each part) of a projection with a kernel."""
    built.out_degree[p.name] = p.rule.taps.counts()
    stores, rounding = stamp_stores(p, layout)
    built.rounding += rounding
    built.max_delay = max(built.max_delay, int(stores[0].steps.max()))
    return stores
