"""Which synapses go into which store? From projections to the tables of stores.

Populations whose arrivals are collected together form a *group*: a strongly connected
component, or a single population where a zero delay inside forces an order. One
store serves all projections from one source population into one group. Projections are
expanded, sorted into their store, and forgotten, one store at a time.
"""

from dataclasses import dataclass, field

import numpy as np

from ..connectivity import sparse
from ..connectivity.delays import delay_steps, to_steps, to_times
from ..connectivity.distributions import Distribution
from ..errors import BuildError
from ..network import Network, Projection
from ..synapses import Synapses, expand, expand_compactly, port_of
from .components import Component, components
from .precision import in_real


@dataclass(frozen=True, slots=True)
class DelayRounding:
    """What rounding to the grid changed in one projection's delays."""

    projection: str
    n_changed: int
    max_error: float


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
    tables : list of int64 (s, COLUMNS)       one table of stores for each part
    incoming : int64 (groups + 1,)            stores of group k: incoming[k]:incoming[k+1]
    out_degree : dict of projection name to int32 (n_pre,)
    """

    components: list[BuiltComponent]
    tables: list[np.ndarray] = field(default_factory=list)
    incoming: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    stores: list[sparse.SparseStore] = field(default_factory=list)
    out_degree: dict[str, np.ndarray] = field(default_factory=dict)
    rounding: list[DelayRounding] = field(default_factory=list)
    max_delay: int = 0


@dataclass(frozen=True, slots=True)
class _Options:
    dt: float
    real: str
    parts: int
    round_delays: bool
    input_start: list[int]  # where each population's input buffers begin
    index: dict[str, int]  # population name to index


def build_stores(
    network: Network, *, dt: float, real: str, parts: int, round_delays: bool, input_start: list
) -> BuiltStores:
    """Expand and sort all projections.

    Raises
    ------
    BuildError
        A delay between 0 and dt, a cycle of zero delays, a rule that cannot be met.
    """
    names = list(network.populations)
    index = {name: k for k, name in enumerate(names)}
    options = _Options(dt, real, parts, round_delays, input_start, index)
    edges = [
        (index[p.pre.name], index[p.post.name], _least_steps(network, p, dt))
        for p in network.projections.values()
        if p.rule.size(p.pre.n, p.post.n, p.pre is p.post) != 0
    ]
    ordered = components(len(names), edges, names)
    group_of, built_components = _groups(ordered)
    built = BuiltStores(built_components)
    rows: list[list[list[int]]] = [[] for _ in range(parts)]
    per_group = np.zeros(len(set(group_of)), np.int64)
    for (group, pre), projections in _by_group_and_source(network, index, group_of).items():
        made = _build_group_stores(network, projections, built, options)
        for part, store in enumerate(made):
            rows[part].append(store.row(pre))
        per_group[group] += bool(made)
        built.stores += made
    built.tables = [np.array(r, np.int64).reshape(-1, sparse.COLUMNS) for r in rows]
    built.incoming = np.concatenate(([0], np.cumsum(per_group)))
    return built


def _least_steps(network: Network, projection: Projection, dt: float) -> int:
    """Smallest delay, or a bound below it: a drawn one only where the bound would be zero."""
    delay = projection.delay
    if isinstance(delay, Distribution):
        bound = int(to_steps(max(delay.low_bound, 0.0), dt))
        if bound > 0:
            return bound
        delay = expand(network, projection).delay
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
    network: Network, projections: list[Projection], built: BuiltStores, options: _Options
) -> list[sparse.SparseStore]:
    """The stores (one for each part) of the projections of one source into one group."""
    by_part: list[list[sparse.Links]] = [[] for _ in range(options.parts)]
    for projection in projections:
        for part, links in enumerate(_links(network, projection, built, options)):
            by_part[part].append(links)
    if not any(len(links.pre) for part in by_part for links in part):
        return []
    n_pre = projections[0].pre.n
    return [sparse.build_sparse(links, n_pre) for links in by_part]


def _links(
    network: Network, projection: Projection, built: BuiltStores, options: _Options
) -> list[sparse.Links]:
    """Synapses of one projection, split by the part that owns their targets."""
    p, owner = projection, f"Projection {projection.name!r}"
    synapses = expand_compactly(network, p)
    n = len(synapses)
    steps = delay_steps(owner, synapses.delay, options.dt, allow_short=options.round_delays)
    _report_rounding(built, p.name, synapses, steps, options.dt)
    built.max_delay = max(built.max_delay, int(steps.max(initial=0)) if n else 0)
    built.out_degree[p.name] = np.bincount(synapses.pre, minlength=p.pre.n)
    bad = np.flatnonzero(~np.isfinite(synapses.weight))
    if bad.size:
        raise BuildError(
            f"{owner}.weight must be finite, got {synapses.weight.flat[bad[0]]} at {bad[0]}"
        )
    post = options.index[p.post.name]
    shift = options.input_start[post] + port_of(p, synapses.weight) * p.post.n
    whole = sparse.Links(
        synapses.pre,
        synapses.post + np.int32(shift),
        _each(steps.astype(np.int32), n),
        _each(in_real(owner, "weight", synapses.weight, options.real), n),
    )
    if options.parts == 1:
        return [whole]
    ends = np.array([p.post.n * (k + 1) // options.parts for k in range(options.parts)])
    owners = np.searchsorted(ends, synapses.post, side="right")
    return [
        sparse.Links(*(array[owners == part] for array in whole)) for part in range(options.parts)
    ]


def _each(value: np.ndarray, n: int) -> np.ndarray:
    """One value per synapse, where all share one."""
    return np.full(n, value) if value.ndim == 0 else value


def _report_rounding(
    built: BuiltStores, name: str, synapses: Synapses, steps: np.ndarray, dt: float
) -> None:
    error = np.abs(to_times(steps, dt) - synapses.delay)
    changed = error > 1e-9 * np.maximum(dt, synapses.delay)
    if changed.any() and len(synapses):
        n_changed = int(changed.sum()) if changed.ndim else len(synapses)
        built.rounding.append(DelayRounding(name, n_changed, float(error.max())))
