"""How do the synapses of projections get into a store? Drawn in blocks, twice: count, then fill.

A draw is a pure function of the synapse's id, so nothing need be kept from the first pass for
the second: beside the store itself there is only one block of synapses at a time, and a byte
for each delay, where that is cheaper than to draw it again.
"""

from dataclasses import dataclass

import numpy as np

from ..connectivity.delays import Grid
from ..connectivity.edges import Block, Rows
from ..connectivity.packing import Packing, packing
from ..connectivity.sparse import Links, SparseStore, StoreBuilder
from ..connectivity.values import Values
from ..errors import BuildError
from ..network import Network, Projection
from ..random import key_of
from ..synapses import port_of, values_of
from .precision import in_real

_BYTE = 255
_NONE = np.zeros(1, np.uint16)
_EXPECTED = 1000  # steps of delays to make room for before they are seen


@dataclass(frozen=True, slots=True)
class Layout:
    """What a store depends on beside the network.

    Attributes
    ----------
    dt : float
    real : str
    parts : int
    round_delays : bool
    packed : bool               weights that differ share a word with their targets
    input_start : dict          population name to where its input buffers begin
    """

    dt: float
    real: str
    parts: int
    round_delays: bool
    packed: bool
    input_start: dict[str, int]


@dataclass(frozen=True, slots=True)
class DelayRounding:
    """What rounding to the grid changed in one projection's delays."""

    projection: str
    n_changed: int
    max_error: float


@dataclass(frozen=True, slots=True)
class WeightRounding:
    """What packing changed in one projection's weights.

    Attributes
    ----------
    projection : str
    bits : int              of a weight, its sign included; 0 where packing left too few of them
                            and the weights are exact
    scale : float           packed weights are whole multiples of it; about ``2 ** (2 - bits)``
                            times the largest weight of the store, or less
    max_error : float       at most half a scale
    """

    projection: str
    bits: int
    scale: float
    max_error: float


class Bundle:
    """The synapses of one projection, on their way into a store.

    Raises
    ------
    BuildError
        A constant delay between 0 and dt, a rule that cannot be met, weights of both signs
        for a target with ports.
    """

    def __init__(self, network: Network, projection: Projection, layout: Layout) -> None:
        p, self.layout = projection, layout
        self.name, self.owner = p.name, f"Projection {p.name!r}"
        self.edges = edges_of(network, p)
        n = len(self.edges)
        self.weights, self.delays = (
            Values(value, key_of(network.seed, p.name, what), n)
            for value, what in zip(values_of(p), ("weight", "delay"), strict=True)
        )
        many = self.delays.same is None and isinstance(self.edges, Rows)
        self._kept = np.empty(n if many else 0, np.uint8)
        self.grid = self._new_grid()
        if np.ndim(p.delay) == 0 and isinstance(p.delay, (int, float)):
            self.grid.steps(np.array([p.delay], np.float64))
            self.grid.check()
            self.grid = self._new_grid()
        bounds = self.weights.bounds() if p.port is None and n else (0.0, 0.0)
        self.n_post = p.post.n
        port = port_of(p, np.array(bounds))
        self.first = layout.input_start[p.post.name] + port * p.post.n
        self._part = _NONE
        if layout.parts > 1:
            sizes = np.diff([p.post.n * k // layout.parts for k in range(layout.parts + 1)])
            self._part = np.repeat(np.arange(layout.parts, dtype=np.uint16), sizes)

    def _new_grid(self) -> Grid:
        return Grid(self.owner, self.layout.dt, allow_short=self.layout.round_delays)

    def expected_steps(self) -> tuple[int, int]:
        """About the least and the greatest delay [steps]."""
        low, high = (max(0.0, value) for value in self.delays.expected())
        first = round(low / self.layout.dt)
        return first, min(round(high / self.layout.dt), first + _EXPECTED)

    def _links(self, block: Block, steps: np.ndarray) -> Links:
        part = self._part if self.layout.parts == 1 else self._part[block.post]
        return Links(block.pre, steps, part)

    def _first_steps(self, block: Block) -> np.ndarray:
        """Delays of a block on the grid; those of a byte are kept where ids come in a row."""
        steps = self.grid.steps(self.delays.at(block.ids))
        if self._kept.size:
            if self.grid.greatest > _BYTE:
                self._kept = np.empty(0, np.uint8)
            else:
                self._kept[block.ids[0] : block.ids[0] + steps.size] = steps
        return steps

    def _steps_again(self, block: Block, grid: Grid) -> np.ndarray:
        if self._kept.size:
            return self._kept[block.ids[0] : block.ids[0] + block.pre.size].astype(np.int32)
        return grid.steps(self.delays.at(block.ids))

    def count(self, builder: StoreBuilder) -> None:
        """First pass.

        Raises
        ------
        BuildError
            Delays between 0 and dt, or too long ones.
        """
        with_targets = self.layout.parts > 1
        for block in self.edges.blocks() if with_targets else self.edges.sources():
            links = self._links(block, self._first_steps(block))
            builder.count(links, self.grid.least, self.grid.greatest)
        self.grid.check()

    def fill(self, builder: StoreBuilder, packing: Packing | None, *, each: bool) -> float:
        """Second pass; returns the largest error of a packed weight.

        Raises
        ------
        BuildError
            Weights that are not finite, or no integers where the dtype is one.
        """
        again, errors = self._new_grid(), np.zeros(1)
        for block in self.edges.blocks():
            cells = block.post.astype(np.uint32)
            cells += np.uint32(self.first)
            weights = np.empty(0, self.layout.real)
            if each or packing:
                exact = self.weights.at(block.ids)
                cast = self._checked(exact, block.ids)
                if packing:
                    cells = packing.cells(cells, exact, errors)
                else:
                    weights = cast if cast.size > 1 else np.full(cells.size, cast[0])
            builder.fill(self._links(block, self._steps_again(block, again)), cells, weights)
        self._kept = np.empty(0, np.uint8)
        return float(errors[0])

    def _checked(self, weights: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """Weights as numbers of the engine."""
        if not (np.isfinite(weights.min()) and np.isfinite(weights.max())):
            bad = int(np.flatnonzero(~np.isfinite(weights))[0])
            raise BuildError(
                f"{self.owner}.weight must be finite, got {weights[bad]} at {ids[bad]}"
            )
        return in_real(self.owner, "weight", weights, self.layout.real)

    def rounding(self) -> DelayRounding | None:
        """What rounding has changed in the delays, after the first pass."""
        if not self.grid.n_changed:
            return None
        n = len(self.edges) if self.delays.same is not None else self.grid.n_changed
        return DelayRounding(self.name, n, self.grid.max_error)


def edges_of(network: Network, p: Projection):
    """The synapses of a projection, to be made in blocks."""
    key = key_of(network.seed, p.name, "pairs")
    return p.rule.edges(f"Projection {p.name!r}", p.pre.n, p.post.n, key, p.pre is p.post)


def least_delay(network: Network, p: Projection) -> float:
    """Smallest delay that is drawn [ms], or [steps]; a zero ends the search."""
    n = len(edges_of(network, p))
    return Values(p.delay, key_of(network.seed, p.name, "delay"), n).bounds(0.0)[0] if n else 0.0


def fill_stores(
    bundles: list[Bundle], n_pre: int
) -> tuple[list[SparseStore], list[WeightRounding]]:
    """Draw the synapses of all projections from one source population into one group.

    Returns the stores, one for each part, and what packing changed.
    """
    layout = bundles[0].layout
    steps = [bundle.expected_steps() for bundle in bundles]
    builder = StoreBuilder(
        n_pre, layout.parts, min(low for low, _ in steps), max(high for _, high in steps)
    )
    for bundle in bundles:
        bundle.count(builder)
    kept, cells, each, told = _form(bundles, layout)
    builder.allocate(kept, cells, each=each)
    for bundle in bundles:
        error = bundle.fill(builder, cells, each=each)
        if layout.packed and each | bool(cells):
            bits, scale = (32 - cells.bits, cells.scale) if cells else (0, 0.0)
            told.append(WeightRounding(bundle.name, bits, scale, error))
    return builder.stores(), told


def _form(bundles: list[Bundle], layout: Layout):
    """How weights are kept: (weight of all or scale, packing, one for each)."""
    same = [bundle.weights.same for bundle in bundles]
    if None not in same:
        cast = [
            in_real(b.owner, "weight", np.full(1, w), layout.real)
            for b, w in zip(bundles, same, strict=True)
        ]
        if len({float(w[0]) for w in cast}) == 1:
            return cast[0], None, False, []
    cells = None
    if layout.packed:
        largest = max(abs(x) for b in bundles for x in b.weights.bounds())
        low, high = min(b.first for b in bundles), max(b.first + b.n_post for b in bundles)
        cells = packing(low, high, largest, layout.real)
    if cells:
        return np.full(1, cells.scale, layout.real), cells, False, []
    return np.empty(0, layout.real), None, True, []
