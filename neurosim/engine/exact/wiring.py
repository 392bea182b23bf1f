"""Which synapses does the event engine walk? Rows by source, with real delays, and their order."""

import math
from dataclasses import dataclass

import numpy as np

from ..._jit import address
from ...connectivity.edges import starts_of
from ...errors import BuildError
from ...network import Network, Projection
from ...synapses import expand_compactly, port_of
from ..components import components
from .stamped import Stamped
from .tables import Link


@dataclass(eq=False)
class Rows:
    """The synapses of one projection, in the order of their ids.

    Attributes
    ----------
    offsets : int64 (n_pre + 1,)
    targets : int32 (k,)                number of the target, and in the lowest bits the port
    weights, delays : float64 (k,), or (1,) where all share one
    """

    offsets: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    delays: np.ndarray

    @property
    def n_synapses(self) -> int:
        """How many there are."""
        return self.targets.size

    def onto(self, first: int, end: int, bits: int) -> "Rows":
        """Those onto the neurons first..end, for ports of so many bits."""
        neuron = self.targets >> bits
        own = (neuron >= first) & (neuron < end)
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(own)))
        weights, delays = (
            values[own] if values.size == own.size else values
            for values in (self.weights, self.delays)
        )
        return Rows(before[self.offsets], self.targets[own], weights, delays)

    def row(self, stage: int) -> list[int]:
        """Its row of the table of links."""
        arrays = (self.offsets, self.targets, self.weights, self.delays)
        return [stage, *(number for a in arrays for number in (address(a), a.size)), 0, 0, 0]


def rows_of(network: Network, projection: Projection, first: int, bits: int) -> Rows:
    """Draw a projection; its targets begin at number ``first``, ports have so many bits."""
    made = expand_compactly(network, projection)
    port = port_of(projection, np.atleast_1d(made.weight))
    delays = np.atleast_1d(np.asarray(made.delay, np.float64))
    if delays.size and not (delays.min() >= 0 and np.isfinite(delays.max())):
        raise BuildError(
            f"Projection {projection.name!r}.delay must be finite and >= 0, got "
            f"{delays.min():g} to {delays.max():g}"
        )
    counts = np.bincount(made.pre, minlength=projection.pre.n)
    targets = made.post + np.int32(first) << np.int32(bits) | np.int32(port)
    weights = np.atleast_1d(np.asarray(made.weight, np.float64))
    return Rows(starts_of(counts), targets, np.ascontiguousarray(weights), delays)


@dataclass(frozen=True, slots=True)
class Order:
    """In which stages populations are computed, and how long a window may be.

    Attributes
    ----------
    stages : list of list of int        populations
    window : float                      smallest delay [ms] that leads back; inf: none does
    """

    stages: list[list[int]]
    window: float

    def stage_of(self) -> dict[int, int]:
        """Stage of each population."""
        return {m: k for k, members in enumerate(self.stages) for m in members}


def order_of(network: Network, rows: dict[str, Rows | Stamped]) -> Order:
    """Order the populations so that delays shorter than a window point forwards.

    Raises
    ------
    BuildError
        Zero delays form a cycle; the message names it.
    """
    names = list(network.populations)
    index = {name: k for k, name in enumerate(names)}
    edges = [
        (index[p.pre.name], index[p.post.name], float(rows[p.name].delays.min()))
        for p in network.projections.values()
        if rows[p.name].n_synapses
    ]
    stages: list[list[int]] = []
    for component in components(len(names), edges, names):
        alone = component.window == 0
        stages += [[m] for m in component.members] if alone else [list(component.members)]
    order = Order(stages, math.inf)
    stage = order.stage_of()
    back = [delay for pre, post, delay in edges if stage[pre] >= stage[post]]
    return Order(stages, min(back, default=math.inf))


def links_of(
    network: Network, rows: dict[str, Rows | Stamped], order: Order
) -> tuple[np.ndarray, np.ndarray]:
    """(table of links, where those of each population begin)."""
    index = {name: k for k, name in enumerate(network.populations)}
    stage = order.stage_of()
    by_source: list[list[list[int]]] = [[] for _ in index]
    for name, made in rows.items():
        p = network.projections[name]
        if made.n_synapses:
            by_source[index[p.pre.name]].append(made.row(stage[index[p.post.name]]))
    flat = [row for of_one in by_source for row in of_one]
    table = np.array(flat, np.int64).reshape(len(flat), len(Link))
    return table, starts_of(np.array([len(of_one) for of_one in by_source], np.int64))
