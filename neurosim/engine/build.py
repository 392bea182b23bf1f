"""How does a description become arrays? The only translator from Network to engine."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..connectivity import sparse
from ..connectivity.delays import delay_steps, to_times
from ..connectivity.distributions import Distribution
from ..errors import BuildError
from ..models.base import Neurons
from ..network import Network, Population, expand, port_of
from ..random import key_of
from . import clock
from .codegen import Block, block_kernel
from .components import Component, components


def address(array: np.ndarray) -> int:
    """Where the data of an array lies."""
    return array.ctypes.data


@dataclass(eq=False)
class BuiltPopulation:
    """Arrays of one population; sources have only counts.

    Attributes
    ----------
    state : real (variables, n)
    initial : the state at time 0
    """

    population: Population
    real: str
    counts: np.ndarray = field(init=False)
    state: np.ndarray = field(init=False)
    initial: np.ndarray = field(init=False)
    _keep: list[Any] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.population.n, np.int64)
        self.state = np.zeros((0, self.population.n), self.real)
        self.initial = self.state

    def reset(self) -> None:
        """Back to the state at time 0."""
        self.state[...] = self.initial
        self.counts[:] = 0

    def count(self, ids: np.ndarray) -> None:
        """Count spikes that no kernel counted (those of a source)."""
        self.counts += np.bincount(ids, minlength=self.counts.size)

    def variable(self, name: str) -> int:
        """Row of a state variable."""
        return list(self.population.neurons.model.state).index(name)

    def row(self, seed: int, dt: float) -> list[int]:
        """Allocate and return the population's row of the table."""
        n, counts = self.population.n, address(self.counts)
        neurons = self.population.neurons
        if not isinstance(neurons, Neurons):
            return [n, 0, -1, 0, 0, 0, counts, 0, 0]
        model = neurons.model
        self.initial = self._initial_state(neurons, seed)
        self.state = self.initial.copy()
        used = {a for m in model.members() for a in model.arguments(m)}
        params = model.kernel_params(dict(neurons.params), dt)
        rows = tuple(k for k, v in params.items() if k in used and np.ndim(v))
        scalars = tuple(k for k, v in params.items() if k in used and not np.ndim(v))
        handle, code = block_kernel(model, rows, scalars, self.real)
        row_values = np.array([params[k] for k in rows], self.real).reshape(len(rows), n)
        scalar_values = np.array([params[k] for k in scalars], self.real)
        inputs = np.zeros((len(model.ports), n), self.real)
        spiked = np.zeros(n, np.uint8)
        table = np.zeros(len(Block), np.int64)
        arrays = (self.state, row_values, scalar_values, inputs, spiked)
        table[:] = [address(a) for a in arrays]
        self._keep += [code, table, *arrays]
        return [
            n, len(model.ports), handle, address(table), address(inputs), address(spiked),
            counts, address(self.state), len(model.state),
        ]  # fmt: skip

    def _initial_state(self, neurons: Neurons, seed: int) -> np.ndarray:
        state = np.empty((len(neurons.initial), neurons.n), self.real)
        for k, (name, value) in enumerate(neurons.initial.items()):
            if isinstance(value, Distribution):
                value = value.draw(key_of(seed, self.population.name, "initial", name), neurons.n)
            state[k] = value
        return state


@dataclass(frozen=True, slots=True)
class DelayRounding:
    """What rounding to the grid changed in one projection's delays."""

    projection: str
    n_changed: int
    max_error: float


@dataclass(eq=False)
class Built:
    """A network as arrays and tables, for one step length, precision and number of parts."""

    network: Network
    dt: float
    real: str
    parts: int
    populations: list[BuiltPopulation]
    components: list[Component]
    max_delay: int
    population_table: np.ndarray
    store_tables: list[np.ndarray]
    incoming: np.ndarray
    arrivals: list[np.ndarray]
    projection_of_store: list[str]
    rounding: list[DelayRounding]
    keep: list[Any]

    def index(self, name: str) -> int:
        """Index of a population."""
        return list(self.network.populations).index(name)

    @property
    def nbytes(self) -> int:
        """Memory of all synapse stores, in bytes."""
        return sum(store.nbytes for store in self.keep)


def _rounding(name: str, delay: np.ndarray, steps: np.ndarray, dt: float) -> DelayRounding | None:
    error = np.abs(to_times(steps, dt) - delay)
    changed = error > 1e-9 * np.maximum(dt, delay)
    if not changed.any():
        return None
    return DelayRounding(name, int(changed.sum()), float(error.max()))


def build(network: Network, *, dt: float, real: str, parts: int, round_delays: bool) -> Built:
    """Translate a network.

    Raises
    ------
    BuildError
        A delay between 0 and dt, a cycle of zero delays, a rule that cannot be met.
    """
    populations = [BuiltPopulation(p, real) for p in network.populations.values()]
    table = np.array([p.row(network.seed, dt) for p in populations], np.int64)
    table = table.reshape(len(populations), clock.POPULATION_COLUMNS)
    index = {name: k for k, name in enumerate(network.populations)}
    edges, rows, names, rounding, keep = [], [], [], [], []
    max_delay = 0
    for projection in network.projections.values():
        owner = f"Projection {projection.name!r}"
        synapses = expand(network, projection)
        steps = delay_steps(owner, synapses.delay, dt, allow_short=round_delays)
        report = _rounding(projection.name, synapses.delay, steps, dt)
        rounding += [report] if report else []
        if not len(synapses):
            continue
        _check_finite(owner, synapses.weight)
        port = port_of(projection, synapses.weight)
        pre, post = index[projection.pre.name], index[projection.post.name]
        edges.append((pre, post, int(steps.min())))
        max_delay = max(max_delay, int(steps.max()))
        n, n_pre = projection.post.n, projection.pre.n
        for part in range(parts):
            lo, hi = n * part // parts, n * (part + 1) // parts
            store = sparse.build_sparse(
                synapses.pre, synapses.post, steps, synapses.weight,
                n_pre=n_pre, targets=(lo, hi), real=real,
            )  # fmt: skip
            keep.append(store)
            rows.append((part, post, _store_row(store, pre, post, port)))
        names.append((post, projection.name))
    return Built(
        network, dt, real, parts, populations,
        components(len(populations), edges, list(index)), max_delay, table,
        *_store_tables(rows, names, parts, len(populations)), rounding, keep,
    )  # fmt: skip


def _check_finite(owner: str, weight: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(weight))
    if bad.size:
        raise BuildError(f"{owner}.weight must be finite, got {weight[bad[0]]} at {bad[0]}")


def _store_row(store: sparse.SparseStore, pre: int, post: int, port: int) -> list[int]:
    return [
        pre, post, port, address(store.offsets), store.offsets.size, address(store.targets),
        address(store.weights), store.weights.size, store.targets.size, store.d_min, store.d_max,
    ]  # fmt: skip


def _store_tables(rows: list, names: list, parts: int, n_populations: int) -> tuple:
    """Stores grouped by target (in order of connection within it), a table for each part."""
    tables = []
    for part in range(parts):
        mine = sorted((r for r in rows if r[0] == part), key=lambda r: r[1])
        tables.append(np.array([r[2] for r in mine], np.int64).reshape(-1, sparse.COLUMNS))
    per_target = np.bincount([post for post, _ in names], minlength=n_populations)
    incoming = np.concatenate(([0], np.cumsum(per_target))).astype(np.int64)
    arrivals = [np.zeros(len(names), np.int64) for _ in range(parts)]
    ordered = [name for _, name in sorted(names, key=lambda pair: pair[0])]
    return tables, incoming, arrivals, ordered
