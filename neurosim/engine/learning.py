"""How do projections get into learning stores, and where in them is which synapse?

All projections from one source population into one group share a store, so they are in a
learning store as soon as one of them is to change.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..connectivity.learning import LearningStore
from ..connectivity.sparse import Links
from ..errors import ParameterError
from ..network import Network
from .filling import Bundle


class Drawn(NamedTuple):
    """The synapses of one projection by edge id; ``part`` says whose thread's target it is."""

    pre: np.ndarray
    steps: np.ndarray
    part: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


class _Collector:
    """Takes the place of a store's builder, and keeps the synapses themselves."""

    def __init__(self) -> None:
        self._blocks: list[tuple[np.ndarray, ...]] = []

    def count(self, links: Links, least: int, greatest: int) -> None:
        """The first pass only checks delays."""

    def fill(self, links: Links, cells: np.ndarray, weights: np.ndarray) -> None:
        """Keep a block."""
        steps, part = (np.broadcast_to(a, cells.shape).copy() for a in (links.steps, links.part))
        self._blocks.append((links.pre.copy(), steps, part, cells, weights))

    def drawn(self) -> Drawn:
        """All synapses by edge id: by source, and as they came within a source."""
        columns = [np.concatenate(column) for column in zip(*self._blocks, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        return Drawn(*(column[order] for column in columns))


def draw(bundle: Bundle) -> Drawn:
    """Draw the synapses of a projection, which has some.

    Raises
    ------
    BuildError
    """
    collector = _Collector()
    bundle.count(collector)
    bundle.fill(collector, None, each=True)
    return collector.drawn()


def learning_stores(
    bundles: list[Bundle], n_pre: int
) -> tuple[list[LearningStore], dict[str, "Slots"]]:
    """Learning stores, one for each part, and where each projection is in them.

    Ids within a store ascend with projection and edge id, which makes the order of sums that
    of the frozen stores.
    """
    drawn = [draw(bundle) for bundle in bundles]
    parts = bundles[0].layout.parts
    slots, taken = {}, np.zeros(parts, np.int64)
    for bundle, mine in zip(bundles, drawn, strict=True):
        numbers = np.empty(mine.pre.size, np.int64)
        for part in range(parts):
            here = np.flatnonzero(mine.part == part)
            numbers[here] = taken[part] + np.arange(here.size)
            taken[part] += here.size
        slots[bundle.name] = Slots(mine.part if parts > 1 else None, numbers, bundle.first)
    whole = Drawn(*(np.concatenate(column) for column in zip(*drawn, strict=True)))
    stores = []
    for part in range(parts):
        pre, steps, _, targets, weights = (column[whole.part == part] for column in whole)
        stores.append(LearningStore(n_pre, pre, targets, steps, weights))
    for mine in slots.values():
        mine.stores = stores
    return stores, slots


class Slots:
    """Where the synapses of one projection are.

    Parameters
    ----------
    part : uint16 (k,) or None      the store of each; None where there is only one
    numbers : int64 (k,)            their ids in these stores
    first : int                     place of the target population's first input buffer
    """

    def __init__(self, part: np.ndarray | None, numbers: np.ndarray, first: int) -> None:
        self._part, self.numbers, self.first = part, numbers, first
        self.stores: list[LearningStore] = []

    def read(self, what: Callable[[LearningStore, np.ndarray], np.ndarray]) -> np.ndarray:
        """``what(store, ids in it)`` of all synapses, by edge id."""
        if self._part is None:
            return what(self.stores[0], self.numbers)
        pieces = [what(s, self.numbers[self._part == k]) for k, s in enumerate(self.stores)]
        values = np.empty(self.numbers.size, pieces[0].dtype)
        for k, piece in enumerate(pieces):
            values[self._part == k] = piece
        return values

    def write(self, method: str, edges: np.ndarray | None, values: np.ndarray) -> None:
        """Hand each store its share of the values of some synapses (None: of all)."""
        numbers = self.numbers if edges is None else self.numbers[edges]
        if self._part is None:
            getattr(self.stores[0], method)(numbers, values)
            return
        part = self._part if edges is None else self._part[edges]
        for k, store in enumerate(self.stores):
            getattr(store, method)(numbers[part == k], values[part == k])


def learning_names(network: Network, learning: Sequence[str]) -> tuple[str, ...]:
    """The names of projections that are to learn, checked.

    Raises
    ------
    ParameterError
    """
    given = [] if isinstance(learning, str) else list(learning)
    unknown = [name for name in given if name not in network.projections]
    if isinstance(learning, str) or unknown:
        raise ParameterError(
            f"Simulator.learning must be a list of names of projections, among "
            f"{list(network.projections)}, got {learning!r}"
        )
    return tuple(name for name in network.projections if name in given)
