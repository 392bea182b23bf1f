"""How are synapses stored that change while a simulation exists? Rows by source, with ids.

As in the frozen store, the row of a source is sorted by delay, then by edge id, so that both
deliver the same sums. But here each synapse has its own weight and delay, the rows may have free
slots at their ends, and an edge id leads to the synapse's slot wherever it has moved to.
"""

from typing import NamedTuple

import numpy as np

from .._jit import address, kernel
from ..errors import ParameterError
from .deliver import LEARNING
from .sparse import SparseStore

_LONGEST = 2**31 - 1  # steps of a delay
_GROWTH = 4  # a store that is full grows by a quarter of each row, and by this many slots


@kernel
def _sort_rows(sorted_rows, rows, targets, steps, weights, ids, places):
    """Sort rows by (delay, edge id), in place; no two keys are equal.

    A shell sort: fast where little has changed, and not slow otherwise.
    """
    for row in sorted_rows:
        begin, end = rows[row, 0], rows[row, 1]
        gap = 1
        while 3 * gap + 1 < end - begin:
            gap = 3 * gap + 1
        while gap > 0:
            for k in range(begin + gap, end):
                target, step, weight, edge = targets[k], steps[k], weights[k], ids[k]
                j = k - gap
                while j >= begin and (steps[j] > step or (steps[j] == step and ids[j] > edge)):
                    targets[j + gap], steps[j + gap] = targets[j], steps[j]
                    weights[j + gap], ids[j + gap] = weights[j], ids[j]
                    j -= gap
                j += gap
                targets[j], steps[j], weights[j], ids[j] = target, step, weight, edge
            gap //= 3
        for k in range(begin, end):
            places[ids[k]] = k


class EdgeList(NamedTuple):
    """Synapses by ascending edge id.

    Attributes
    ----------
    ids : int64 (k,)
    pre : int64 (k,)            source neurons
    targets : uint32 (k,)       places in the input buffer
    steps : int32 (k,)          delays
    weights : real (k,)
    """

    ids: np.ndarray
    pre: np.ndarray
    targets: np.ndarray
    steps: np.ndarray
    weights: np.ndarray


class LearningStore:
    """Synapses from one source population into one buffer, which can change.

    The edge ids are the positions in the given arrays; those of :meth:`add` follow. An id keeps
    its meaning whatever else is changed, and that of a removed synapse is never used again.

    Parameters
    ----------
    n_pre : int                 neurons of the source population
    pre : int (k,)              source neurons
    targets : uint32 (k,)       places in the buffer
    steps : int (k,)            delays [steps]
    weights : real (k,)
    slack : int                 free slots of each row, for synapses to be added

    Attributes
    ----------
    rows : int64 (n_pre, 2)     first slot of each row, and the end of its used slots
    targets, weights, steps, ids : arrays over all slots; those beyond the end of a row mean nothing
    d_min, d_max : int          least and greatest delay; 1 and 0 without synapses

    Raises
    ------
    ParameterError
        Sources or delays are out of range.

    Examples
    --------
    >>> store = LearningStore(2, [0, 0, 1], [7, 8, 7], [3, 1, 2], np.float32([0.5, 1.0, 2.0]))
    >>> store.set_weights([0], [0.25])
    >>> store.set_delays([1], [5])
    >>> store.remove([2])
    >>> store.add([1], [9], [4], [3.0]).tolist()
    [3]
    >>> edges = store.expand()
    >>> edges.ids.tolist(), edges.steps.tolist(), edges.weights.tolist()
    ([0, 1, 3], [3, 5, 4], [0.25, 1.0, 3.0])
    """

    kind = LEARNING

    def __init__(
        self,
        n_pre: int,
        pre: np.ndarray,
        targets: np.ndarray,
        steps: np.ndarray,
        weights: np.ndarray,
        *,
        slack: int = 0,
    ) -> None:
        pre, steps = _indices("pre", pre, n_pre), _indices("steps", steps, _LONGEST)
        n, real = pre.size, np.asarray(weights).dtype
        counts = np.bincount(pre, minlength=n_pre)
        self._lay_out(counts + slack, np.dtype(real))
        self._places = np.full(n, -1, np.int64)
        self.n_ids = 0
        self._append(pre, np.asarray(targets), steps, np.asarray(weights))

    def _lay_out(self, room: np.ndarray, real: np.dtype) -> None:
        """Make arrays with so many slots in each row, all of them free."""
        ends = np.cumsum(room, dtype=np.int64)
        self.rows = np.repeat((ends - room)[:, None], 2, axis=1)
        n = int(ends[-1]) if ends.size else 0
        self.targets, self.steps = np.zeros(n, np.uint32), np.zeros(n, np.int32)
        self.weights, self.ids = np.zeros(n, real), np.zeros(n, np.int64)

    @property
    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.targets, self.steps, self.weights, self.ids

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        return sum(a.nbytes for a in (*self._columns, self.rows, self._places))

    def __len__(self) -> int:
        return int(self.census().sum())

    # ------------------------------------------------------------------ changes

    def set_weights(self, edges: np.ndarray, values: np.ndarray) -> None:
        """Give synapses new weights."""
        self.weights[self.places_of(edges)] = values

    def set_delays(self, edges: np.ndarray, steps: np.ndarray) -> None:
        """Give synapses new delays [steps]; sorts the rows that they are in."""
        places = self.places_of(edges)
        self.steps[places] = _indices("steps", steps, _LONGEST)
        self._sort(np.unique(self._row_of(places)))

    def add(
        self, pre: np.ndarray, targets: np.ndarray, steps: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Add synapses; returns their ids.

        They take free slots of their rows. When a row has too few, all rows get new ones, and
        the arrays are new: their addresses (:meth:`row`) change.
        """
        pre = _indices("pre", pre, len(self.rows))
        steps = np.broadcast_to(_indices("steps", steps, _LONGEST), pre.shape)
        needed = self.census() + np.bincount(pre, minlength=len(self.rows))
        if np.any(needed > np.diff(self.rows[:, 0], append=self.targets.size)):
            self._grow(needed)
        return self._append(pre, targets, steps, weights)

    def remove(self, edges: np.ndarray) -> None:
        """Remove synapses; their slots are free again, the ids of others stay."""
        touched = np.unique(self.sources_of(edges))
        self._places[np.asarray(edges, np.int64)] = -1
        slots = _ranges(*self.rows[touched].T)
        kept = slots[self._places[self.ids[slots]] >= 0]
        counts = np.bincount(self._row_of(kept), minlength=len(self.rows))[touched]
        self.rows[touched, 1] = self.rows[touched, 0] + counts
        packed = _ranges(*self.rows[touched].T)
        for column in self._columns:
            column[packed] = column[kept]
        self._places[self.ids[packed]] = packed
        self._note_delays()

    def _append(self, pre, targets, steps, weights) -> np.ndarray:
        """Put synapses behind the used slots of their rows, which have room, and sort these."""
        order = np.argsort(pre, kind="stable")
        counts = np.bincount(pre, minlength=len(self.rows))
        first = self.rows[:, 1].copy()
        self.rows[:, 1] += counts
        places = np.empty(pre.size, np.int64)
        places[order] = _ranges(first, self.rows[:, 1])
        ids = np.arange(self.n_ids, self.n_ids + pre.size)
        self.n_ids += pre.size
        if self.n_ids > self._places.size:
            more = np.full(max(self.n_ids, 2 * self._places.size) - self._places.size, -1)
            self._places = np.concatenate((self._places, more))
        for column, values in zip(self._columns, (targets, steps, weights, ids), strict=True):
            column[places] = values
        self._sort(np.flatnonzero(counts))
        return ids

    def _grow(self, needed: np.ndarray) -> None:
        before, slots = self._columns, _ranges(*self.rows.T)
        counts = self.census()
        self._lay_out(needed + needed // 4 + _GROWTH, self.weights.dtype)
        self.rows[:, 1] += counts
        places = _ranges(*self.rows.T)
        for column, values in zip(self._columns, before, strict=True):
            column[places] = values[slots]
        self._places[self.ids[places]] = places

    def _sort(self, rows: np.ndarray) -> None:
        """Sort rows by (delay, edge id)."""
        _sort_rows(rows, self.rows, *self._columns, self._places)
        self._note_delays()

    def _note_delays(self) -> None:
        """The extremes are at the ends of the rows."""
        begins, ends = self.rows[self.rows[:, 0] < self.rows[:, 1]].T
        self.d_min = int(self.steps[begins].min()) if begins.size else 1
        self.d_max = int(self.steps[ends - 1].max()) if begins.size else 0

    # ------------------------------------------------------------------ what is there?

    def places_of(self, edges: np.ndarray) -> np.ndarray:
        """The slots of synapses.

        Raises
        ------
        ParameterError
            There is no such synapse (any more).
        """
        edges = np.asarray(edges)
        if edges.size == 0:
            return np.empty(0, np.int64)
        if edges.dtype.kind in "iu" and edges.min() >= 0 and edges.max() < self.n_ids:
            places = self._places[edges]
            if places.min() >= 0:
                return places
        raise ParameterError(
            f"LearningStore.edges must be ids of synapses that exist, below {self.n_ids} and not "
            f"removed, got {edges!r}"
        )

    def sources_of(self, edges: np.ndarray) -> np.ndarray:
        """The source neurons of synapses (int64)."""
        return self._row_of(self.places_of(edges))

    def _row_of(self, places: np.ndarray) -> np.ndarray:
        """The rows that slots are in; empty rows begin where the next one does."""
        return np.searchsorted(self.rows[:, 0], places, side="right") - 1

    def expand(self) -> EdgeList:
        """All synapses by edge id."""
        ids = np.flatnonzero(self._places[: self.n_ids] >= 0)
        places = self._places[ids]
        columns = (self.targets, self.steps, self.weights)
        return EdgeList(ids, self.sources_of(ids), *(column[places] for column in columns))

    def census(self) -> np.ndarray:
        """Number of synapses of each source (int64)."""
        return self.rows[:, 1] - self.rows[:, 0]

    def freeze(self) -> SparseStore:
        """The fast store with the same synapses, which delivers the same sums; ids are lost."""
        slots = _ranges(*self.rows.T)
        low, high = (self.d_min, self.d_max) if slots.size else (0, 0)
        span = high - low + 1
        segments = self._row_of(slots) * span + self.steps[slots] - low
        counts = np.bincount(segments, minlength=len(self.rows) * span)
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))
        weights = self.weights[slots]
        if weights.size and (weights == weights[0]).all():
            weights = weights[:1].copy()
        return SparseStore(offsets, self.targets[slots], weights, low, high)

    def row(self, pre: int) -> list[int]:
        """The store's row of the engine's table; ``pre`` is the source population."""
        return [
            LEARNING, pre, address(self.rows), self.rows.size, address(self.targets),
            self.targets.size, address(self.weights), self.weights.size, self.d_min, self.d_max,
            0, 0, address(self.steps), 0, 0,
        ]  # fmt: skip


def _ranges(begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The numbers begins[0] ... ends[0] - 1, begins[1] ... and so on, in one array."""
    counts = ends - begins
    shift = begins - (np.cumsum(counts) - counts)
    return np.repeat(shift, counts) + np.arange(int(counts.sum()))


def _indices(name: str, values: np.ndarray, end: int) -> np.ndarray:
    """Integers from 0 to below ``end``."""
    values = np.asarray(values)
    if values.size == 0:
        return np.zeros(values.shape, np.int64)
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= end:
        raise ParameterError(
            f"LearningStore.{name} must be integers >= 0 and < {end}, got {values!r}"
        )
    return values
