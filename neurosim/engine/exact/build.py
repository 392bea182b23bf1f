"""How does a description become the event engine's arrays?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..._jit import address
from ...connectivity.distributions import Distribution
from ...errors import BuildError, ParameterError
from ...models.base import Neurons
from ...network import Network, Population
from ...random import key_of
from ...synapses import has_kernel
from ..codegen import model_kernel, used_members
from .stamped import Stamped, stamped_of
from .tables import NEVER, Desk, Wiring
from .tables import Neurons as NeuronArrays
from .wiring import Order, Rows, links_of, order_of, rows_of

_KERNELS = ("attend", "look")


def refusal(network: Network) -> str | None:
    """Why the event engine cannot run a network, or None."""
    if network.time != "continuous":
        return (
            f"Network.time must be 'continuous' for the event engine, got {network.time!r}, where "
            "the step is part of the model; use engine='clock'"
        )
    for p in network.populations.values():
        if isinstance(p.neurons, Neurons) and p.neurons.model.crossing is None:
            return (
                f"Population {p.name!r}.neurons must be of a model with flow and crossing for the "
                f"event engine, got {p.neurons.model.name!r}; use engine='clock', or give the "
                "model these functions (built-in models have them: LIF, IF, and others)"
            )
    for p in network.projections.values():
        if p.gain is not None:
            return (
                f"Projection {p.name!r}.gain must be left out for the event engine, got "
                f"{p.gain!r}; use engine='clock'"
            )
    for name, stimulus in network.stimuli.items():
        return (
            f"Stimulus {name!r} must be left out for the event engine, as it acts at grid points, "
            f"got {type(stimulus.kind).__name__}; use engine='clock', or, for random arrivals, a "
            "PoissonSource with OneToOne()"
        )
    return None


@dataclass(eq=False)
class ExactPopulation:
    """Arrays of one population; sources have only counts.

    Attributes
    ----------
    first : int                     number of its first neuron among all
    state, initial : float64 (variables, n)
    counts : int64 (n,)             spikes so far
    """

    population: Population
    first: int
    seed: int
    counts: np.ndarray = field(init=False)
    state: np.ndarray = field(init=False)
    initial: np.ndarray = field(init=False)
    handles: dict[str, int] = field(default_factory=dict, init=False)
    table: np.ndarray = field(init=False)
    keeps_states: bool = field(default=False, init=False)  # of every spike
    _keep: list[Any] = field(default_factory=list, init=False)
    _rows: tuple[str, ...] = field(default=(), init=False)
    _scalars: tuple[str, ...] = field(default=(), init=False)
    _values: tuple[np.ndarray, ...] = field(default=(), init=False)  # of rows, of scalars
    _given: dict[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        neurons, n = self.population.neurons, self.population.n
        self.counts = np.zeros(n, np.int64)
        self.state = self.initial = np.zeros((0, n))
        self.table = np.zeros(5, np.int64)
        if isinstance(neurons, Neurons):
            self._prepare(neurons)

    def _prepare(self, neurons: Neurons) -> None:
        model, n = neurons.model, neurons.n
        self.initial = np.empty((len(neurons.initial), n))
        for k, (name, value) in enumerate(neurons.initial.items()):
            if isinstance(value, Distribution):
                value = value.draw(key_of(self.seed, self.population.name, "initial", name), n)
            self.initial[k] = value
        self.state = self.initial.copy()
        used = {
            a for kind in _KERNELS for m in used_members(model, kind) for a in model.arguments(m)
        }
        params = model.event_params(dict(neurons.params))
        self._rows = tuple(k for k, v in params.items() if k in used and np.ndim(v))
        self._scalars = tuple(k for k, v in params.items() if k in used and not np.ndim(v))
        for kind in _KERNELS:
            made = model_kernel(kind, model, self._rows, self._scalars, "float64")
            self.handles[kind], code = made
            self._keep.append(code)
        self._values = np.zeros((len(self._rows), n)), np.zeros(len(self._scalars))
        self.set_params({})
        self.table = np.array([address(a) for a in (self.state, *self._values)], np.int64)

    def set_params(self, changed: Mapping[str, Any], *, further: bool = False) -> None:
        """Set parameters: the description's, but for those changed (``further``: and before).

        Raises
        ------
        ParameterError
            One value for each neuron, of a parameter that was one for all.
        """
        neurons = self.population.neurons
        if not isinstance(neurons, Neurons):
            return
        self._given = {**(self._given if further else neurons.params), **changed}
        params = neurons.model.event_params(self._given)
        for k, name in enumerate(self._rows):
            self._values[0][k] = params[name]
        for k, name in enumerate(self._scalars):
            if np.ndim(params[name]):
                raise ParameterError(
                    f"Population {self.population.name!r}: a Switch must keep {name!r} one number "
                    "for all neurons, as it was, got one for each; give it one for each from "
                    "the beginning"
                )
            self._values[1][k] = params[name]

    @property
    def is_source(self) -> bool:
        """Has it no state?"""
        return self.population.is_source

    def share(self, part: int, parts: int) -> tuple[int, int]:
        """The neurons, counted among all, of one part."""
        n = self.population.n
        return self.first + n * part // parts, self.first + n * (part + 1) // parts

    @property
    def is_graded(self) -> bool:
        """Do its spikes carry a payload?"""
        return self.population.is_graded

    def variable(self, name: str) -> int:
        """Row of a state variable."""
        return list(self.population.neurons.model.state).index(name)


@dataclass(eq=False)
class ExactBuilt:
    """A network as arrays for the event engine.

    Attributes
    ----------
    bits : int              of an arrival's code that name the port
    rows : dict of projection name to Rows, or Stamped
    parts : int             threads
    order : Order           stages of the populations, and the longest window
    """

    network: Network
    populations: list[ExactPopulation]
    bits: int
    rows: dict[str, Rows | Stamped]
    order: Order
    parts: int = 1
    desks: np.ndarray = field(init=False)
    routed: np.ndarray = field(init=False)
    wirings: list[Wiring] = field(init=False)
    neurons: NeuronArrays = field(init=False)

    def __post_init__(self) -> None:
        n = max((p.first + p.population.n for p in self.populations), default=0)
        self.neurons = NeuronArrays(np.zeros(n), np.zeros(n), np.full(n, NEVER))
        self.rewire()

    @property
    def size(self) -> int:
        """Numbers that neurons may have."""
        return self.neurons.last.size

    def targets_of(self, codes: np.ndarray) -> np.ndarray:
        """The neurons of arrivals, or looks, with these codes."""
        return codes.astype(np.int64) >> self.bits

    def can_arrive(self, codes: np.ndarray) -> np.ndarray:
        """Which codes name a neuron, and a port of its model?"""
        targets, ports = self.targets_of(codes), codes.astype(np.int64) & (1 << self.bits) - 1
        known = np.zeros(codes.shape, bool)
        for p in self.populations:
            own = (targets >= p.first) & (targets < p.first + p.population.n)
            known |= own & (ports < len(p.population.ports))
        return known

    def look_at(self, ids: np.ndarray | int) -> np.ndarray | int:
        """The codes of looks at neurons."""
        return ids << self.bits | (1 << self.bits) - 1

    def are_arrivals(self, codes: np.ndarray) -> np.ndarray:
        """Which of them are not looks?"""
        look = (1 << self.bits) - 1
        return codes.astype(np.int64) & look != look

    @property
    def max_delay(self) -> float:
        """Longest delay [ms]."""
        return max((float(r.delays.max(initial=0.0)) for r in self.rows.values()), default=0.0)

    def twin(self) -> "ExactBuilt":
        """The same network with the same synapses, and a state of its own."""
        populations = [ExactPopulation(p.population, p.first, p.seed) for p in self.populations]
        return ExactBuilt(self.network, populations, self.bits, self.rows, self.order, 1)

    def rewire(self) -> None:
        """Note where the synapses lie, and in which order populations are computed."""
        self.desks = np.array([self._desks(part) for part in range(self.parts)])
        for part, desks in enumerate(self.desks):
            desks[:, Desk.HERE] = address(self.desks) + part * self.desks.strides[0]
            desks[:, Desk.HERE] += np.arange(len(desks)) * self.desks.strides[1]
        n = len(self.populations)
        self.routed = np.zeros((self.parts, n, self.parts), np.int64)
        members = np.array([m for of_one in self.order.stages for m in of_one], np.int64)
        ends = np.cumsum([0, *map(len, self.order.stages)]).astype(np.int64)
        self._shares = [self._share_of_rows(part) for part in range(self.parts)]
        self.wirings = [
            Wiring(
                self.desks[part], self.desks, self.routed[part], members, ends,
                *links_of(self.network, self._shares[part], self.order),
            )
            for part in range(self.parts)
        ]  # fmt: skip

    def _desks(self, part: int) -> np.ndarray:
        desks = np.zeros((len(self.populations), len(Desk)), np.int64)
        stage = self.order.stage_of()
        for k, p in enumerate(self.populations):
            desk = desks[k]
            desk[Desk.ATTEND], desk[Desk.AT] = p.handles.get("attend", -1), address(p.table)
            desk[Desk.N], desk[Desk.FIRST] = p.population.n, p.first
            counts = part == 0 or not p.is_source
            desk[Desk.COUNTS], desk[Desk.STAGE] = address(p.counts) if counts else 0, stage[k]
            desk[Desk.LAST], desk[Desk.DUE] = address(self.neurons.last), address(self.neurons.due)
        return desks

    def _share_of_rows(self, part: int) -> dict[str, Rows | Stamped]:
        """The synapses onto the neurons of one part."""
        if self.parts == 1:
            return self.rows
        of_name = {p.population.name: p for p in self.populations}
        return {
            name: rows.onto(*of_name[self.network.projections[name].post.name].share(
                part, self.parts), self.bits)
            for name, rows in self.rows.items()
        }  # fmt: skip

    def reset(self) -> None:
        """Back to the state at time 0: everybody has to be looked at then."""
        for p in self.populations:
            p.state[...] = p.initial
            p.counts[:] = 0
        for array, value in zip(self.neurons, (0.0, 0.0, NEVER), strict=True):
            array[:] = value


def build(network: Network, parts: int = 1, *, listed: bool = False) -> ExactBuilt:
    """Translate a network, for a number of threads.

    With ``listed`` synapses that share the numbers of a kernel are listed, too.

    Raises
    ------
    BuildError
        It cannot run in the event engine, delays of zero form a cycle, a rule cannot be met.
    """
    reason = refusal(network)
    if reason is not None:
        raise BuildError(reason)
    sizes = [-p.n // _ALIGNED * -_ALIGNED for p in network.populations.values()]
    firsts = np.cumsum([0, *sizes])
    bits = max(len(p.ports) for p in network.populations.values()).bit_length()
    if firsts[-1] << bits >= 2**31:
        raise BuildError(
            f"Network.populations must have fewer than {2**31 >> bits:,} neurons in all for "
            f"the event engine, got {firsts[-1]:,}"
        )
    populations = [
        ExactPopulation(p, int(first), network.seed)
        for p, first in zip(network.populations.values(), firsts[:-1], strict=True)
    ]
    first_of = {p.population.name: p.first for p in populations}
    rows = {
        p.name: stamped_of(p, first_of[p.post.name], bits)
        if has_kernel(p) and not listed
        else rows_of(network, p, first_of[p.post.name], bits)
        for p in network.projections.values()
    }
    return ExactBuilt(network, populations, bits, rows, order_of(network, rows), parts)


def per_ms(window: float) -> float:
    """Windows per ms: a power of two, so that window numbers are exact."""
    return 2.0 ** -math.floor(math.log2(min(window, _LONGEST)))


_LONGEST = 1.0  # ms
_ALIGNED = 64  # populations begin at a word of the bits that mark neurons
