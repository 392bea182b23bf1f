"""How does a description become arrays? The only translator from Network to engine."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .._jit import address
from ..connectivity.distributions import Distribution
from ..connectivity.places import GROUP, aligned_zeros, input_starts
from ..errors import BuildError
from ..models.base import NeuronModel, Neurons
from ..models.stimuli import NoiseCurrent
from ..network import Network, Population
from ..random import key_of
from .codegen import model_kernel, used_members
from .current import affine_in_current
from .noise import BuiltStimuli
from .precision import in_real
from .sleeping import Sleep, Sleepers, sleep_of
from .stores import BuiltStores, build_stores
from .tables import POPULATION_COLUMNS


@dataclass(eq=False)
class BuiltPopulation:
    """Arrays of one population; sources have only counts.

    Attributes
    ----------
    state : real (variables, n)
    initial : the state at time 0
    rows : parameters with a value per neuron, by name, as the block kernel reads them
    row_names, scalar_names : names of parameters with a value per neuron, and of shared ones
    rows_of_parameters, parameters : their values
    driven, still : parameters that noise writes to, and those whose 0 the build relied on
    sleep : may the neurons sleep, and how?
    resting : may groups of neurons that rest be passed over?
    busy : uint8 (groups of 64,)    those that cannot be, of a population that rests
    sleepers : their sleep
    """

    population: Population
    real: str
    sleep: Sleep | None = None
    resting: bool = False
    sleepers: Sleepers | None = field(default=None, init=False)
    counts: np.ndarray = field(init=False)
    state: np.ndarray = field(init=False)
    initial: np.ndarray = field(init=False)
    spiked: np.ndarray | None = field(default=None, init=False)
    rows: dict[str, np.ndarray] = field(default_factory=dict, init=False)
    busy: np.ndarray = field(init=False)
    row_names: tuple[str, ...] = field(default=(), init=False)
    scalar_names: tuple[str, ...] = field(default=(), init=False)
    rows_of_parameters: np.ndarray = field(init=False)
    parameters: np.ndarray = field(init=False)
    driven: tuple[str, ...] = field(default=(), init=False)
    still: tuple[str, ...] = field(default=(), init=False)
    _keep: list[Any] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.population.n, np.int64)
        self.state = np.zeros((0, self.population.n), self.real)
        self.initial = self.state
        self.busy = np.zeros(0, np.uint8)

    @property
    def is_graded(self) -> bool:
        """Do its spikes carry payloads?"""
        return self.population.is_graded

    def reset(self) -> None:
        """Back to the state at time 0."""
        self.state[...] = self.initial
        self.counts[:] = 0
        if self.spiked is not None:
            self.spiked[:] = 0
        self.busy[:] = 1

    def count(self, ids: np.ndarray) -> None:
        """Count spikes that no kernel counted (those of a source)."""
        self.counts += np.bincount(ids, minlength=self.counts.size)

    def variable(self, name: str) -> int:
        """Row of a state variable."""
        return list(self.population.neurons.model.state).index(name)

    def row(
        self,
        seed: int,
        dt: float,
        inputs: np.ndarray,
        marks: np.ndarray,
        first: int,
        driven: tuple[str, ...],
    ) -> list[int]:
        """Allocate, and return the population's row of the table; its inputs begin at ``first``.

        The parameters ``driven`` are rows whatever was given, for noise currents to write to.
        """
        n, counts = self.population.n, address(self.counts)
        neurons = self.population.neurons
        if not isinstance(neurons, Neurons):
            return [n, -1, 0, 0, counts, 0, 0, 0, 0]
        model = neurons.model
        self._check_payload(model, dt)
        self.initial = self._initial_state(neurons, seed)
        self.state = self.initial.copy()
        dense = "resting" if self.resting else "block"
        kernels = (dense,) if self.sleep is None else (dense, "doze")
        members = {m for kernel in kernels for m in used_members(model, kernel)}
        used = {a for m in members for a in model.arguments(m)}
        params = model.kernel_params(dict(neurons.params), dt)
        params |= {k: np.broadcast_to(params[k], n) for k in driven}
        rows = tuple(k for k, v in params.items() if k in used and np.ndim(v))
        scalars = tuple(k for k, v in params.items() if k in used and not np.ndim(v))
        owner = f"Population {self.population.name!r}"
        cast = {k: in_real(owner, k, params[k], self.real) for k in (*rows, *scalars)}
        row_values = np.array([cast[k] for k in rows], self.real).reshape(len(rows), n)
        self.rows = dict(zip(rows, row_values, strict=True))
        scalar_values = np.array([cast[k] for k in scalars], self.real)
        self.row_names, self.rows_of_parameters = rows, row_values
        self.scalar_names, self.parameters, self.driven = scalars, scalar_values, driven
        still = tuple(
            name for name, k in model.still.items()
            if k in scalars and cast[k] == 0 and not self.state[list(model.state).index(name)].any()
        )  # fmt: skip
        self.still = tuple(model.still[name] for name in still)
        handle = self._kernel(dense, model, rows, scalars, still)
        self.spiked = spiked = np.zeros(n, np.uint8)
        arrays = [self.state, row_values, scalar_values, inputs[first:], spiked]
        asleep = [np.zeros(0)] * 4
        if self.sleep is not None:
            kernel = partial(self._kernel, model=model, rows=rows, scalars=scalars)
            ports = len(model.ports)
            self.sleepers = Sleepers(self.state, self.sleep, first, ports, marks, kernel)
            asleep = self.sleepers.arrays
        sent = np.zeros(n if model.payload is not None else 0)
        runs = np.zeros(0, np.int32)
        if self.resting:
            groups = -(-n // GROUP)
            self.busy = marks[inputs.size + first // GROUP :][:groups]
            self.busy[:], runs = 1, np.zeros(2 * groups, np.int32)
        arrays += [*asleep, sent, self.busy, runs]
        table = np.array([address(a) for a in arrays], np.int64)
        if self.sleepers is not None:
            self.sleepers.table = address(table)
        self._keep += [table, *arrays]
        return [
            n, handle, address(table), address(spiked), counts, address(self.state),
            len(model.state), address(sent) if sent.size else 0,
            address(runs) if self.resting else 0,
        ]  # fmt: skip

    def _check_payload(self, model: NeuronModel, dt: float) -> None:
        known = {*model.state, *model.kernel_params(dict(model.params), dt)}
        unknown = set(model.arguments("payload")) - known if model.payload else ()
        if unknown:
            raise BuildError(
                f"Population {self.population.name!r}.neurons: payload of {model.name!r} must take "
                f"state variables and parameters that derive() gives, got {sorted(unknown)}; use "
                "engine='event'"
            )

    def _kernel(
        self, kind: str, model: NeuronModel, rows: tuple, scalars: tuple, still: tuple = ()
    ) -> int:
        handle, code = model_kernel(kind, model, rows, scalars, self.real, still)
        self._keep.append(code)
        return handle

    def _initial_state(self, neurons: Neurons, seed: int) -> np.ndarray:
        state = np.empty((len(neurons.initial), neurons.n), self.real)
        for k, (name, value) in enumerate(neurons.initial.items()):
            if isinstance(value, Distribution):
                value = value.draw(key_of(seed, self.population.name, "initial", name), neurons.n)
            state[k] = in_real(f"Population {self.population.name!r}", name, value, self.real)
        return state


@dataclass(eq=False)
class Built:
    """A network as arrays and tables, for one step length, precision and number of parts."""

    network: Network
    dt: float
    real: str
    parts: int
    populations: list[BuiltPopulation]
    population_table: np.ndarray
    inputs: np.ndarray
    marks: np.ndarray
    synapses: BuiltStores
    stimuli: BuiltStimuli
    sleep: str
    packed: bool
    learning: tuple[str, ...]

    def index(self, name: str) -> int:
        """Index of a population."""
        return list(self.network.populations).index(name)

    def sleeping(self) -> dict[int, Sleepers]:
        """The populations that may sleep, by index."""
        return {k: p.sleepers for k, p in enumerate(self.populations) if p.sleepers is not None}

    @property
    def max_delay(self) -> int:
        """Longest delay of the network, in steps."""
        return self.synapses.max_delay

    @property
    def nbytes(self) -> int:
        """Memory of all synapse stores, in bytes."""
        return sum(store.nbytes for store in self.synapses.stores)


def build(
    network: Network, *, dt: float, real: str, parts: int, round_delays: bool = False,
    sleep: str = "never", packed: bool = False, learning: tuple[str, ...] = (),
) -> Built:  # fmt: skip
    """Translate a network.

    Parameters
    ----------
    sleep : {"never", "always", "auto"}
    packed : bool       weights as integers beside their targets
    learning : tuple of names of projections that may change between runs

    Raises
    ------
    BuildError
        A delay between 0 and dt, a cycle of zero delays, a rule that cannot be met, payloads or
        gains in integers.
    """
    _check_whole(network, real)
    populations = []
    for p in network.populations.values():
        how = sleep_of(network, p, sleep, parts)
        rests = how is None and _may_rest(network, p, parts)
        populations.append(BuiltPopulation(p, real, how, rests))
    sizes = [len(p.population.ports) * p.population.n for p in populations]
    starts = input_starts(sizes)
    inputs = aligned_zeros(int(starts[-1]), real)
    watched = any(p.sleep or p.resting for p in populations)
    marks = np.zeros(starts[-1] + starts[-1] // GROUP if watched else 0, np.uint8)
    noisy = {s.population.name for s in network.stimuli.values() if type(s.kind) is NoiseCurrent}
    driven = [
        tuple(affine_in_current(p.population.neurons, dt)) if p.population.name in noisy else ()
        for p in populations
    ]
    rows = [
        p.row(network.seed, dt, inputs, marks, start, names)
        for p, start, names in zip(populations, starts[:-1], driven, strict=True)
    ]
    synapses = build_stores(
        network, dt=dt, real=real, parts=parts, round_delays=round_delays,
        input_start=starts[:-1].tolist(), packed=packed, learning=learning,
    )  # fmt: skip
    table = np.array(rows, np.int64).reshape(len(rows), POPULATION_COLUMNS)
    stimuli = BuiltStimuli(network, dt, inputs, starts[:-1].tolist(), populations)
    return Built(
        network, dt, real, parts, populations, table, inputs, marks, synapses, stimuli, sleep,
        packed, learning,
    )  # fmt: skip


def _may_rest(network: Network, population: Population, parts: int) -> bool:
    """Are neurons passed over that rest? By one thread: groups may lie in two threads' parts."""
    if population.is_source or parts > 1 or len(population.ports) > 1:
        return False
    if any(s.population is population for s in network.stimuli.values()):
        return False
    return population.neurons.model.rests is not None


def _check_whole(network: Network, real: str) -> None:
    """Integers have no room for what payloads and gains make of weights."""
    if real != "int32":
        return
    for p in network.populations.values():
        if p.is_graded:
            raise BuildError(
                f"Population {p.name!r} must fire plain spikes with dtype 'int32', but those of "
                f"{p.kind} carry payloads; take another dtype"
            )
    for p in network.projections.values():
        if p.gain is not None:
            raise BuildError(
                f"Projection {p.name!r}.gain must be left out with dtype 'int32', got {p.gain!r}"
            )
