"""How are explicit synapses stored? Rows by source, sorted by delay.

The row of a source is cut into segments of equal delay, so that the arrivals of one step
are *pulled*: for each possible delay d, for each spike emitted d steps ago, one
contiguous segment. All arrivals of a step go into one buffer as long as the targets, and
they are summed in one canonical order (source population, emission step, spike, projection,
edge id), whatever the windows, the cuts of a run, or the number of threads.

Equal weights are stored once; different ones beside their targets, or packed with them into
one word. One store serves all projections of a source population into one group of targets,
so that a spike's segments are few and long; with threads there is a store per thread.
"""

from typing import NamedTuple

import numpy as np

from .._jit import address, kernel
from .deliver import CONSTANT, EACH, PACKED
from .packing import Packing


class SparseStore(NamedTuple):
    """Frozen synapses from one source population into one buffer.

    Attributes
    ----------
    offsets : int64 (n_pre * (d_max - d_min + 1) + 1,)   start of each (source, delay) segment
    targets : uint32 (k,)    places in the buffer (unsigned: an index that needs no sign check),
                             or cells of place and weight
    weights : real (k,), or (1,): the weight of all, or the scale of the cells' weights
    d_min, d_max : int                                    delays in steps
    packing : Packing or None                             what is in the cells
    """

    offsets: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    d_min: int
    d_max: int
    packing: Packing | None = None

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        return self.offsets.nbytes + self.targets.nbytes + self.weights.nbytes

    @property
    def kind(self) -> int:
        """CONSTANT, EACH or PACKED."""
        if self.packing is not None:
            return PACKED
        return CONSTANT if self.weights.size == 1 else EACH

    def row(self, pre: int) -> list[int]:
        """The store's row of the engine's table; ``pre`` is the source population."""
        bits, base = (self.packing.bits, self.packing.base) if self.packing else (0, 0)
        return [
            self.kind, pre, address(self.offsets), self.offsets.size, address(self.targets),
            self.targets.size, address(self.weights), self.weights.size, self.d_min, self.d_max,
            bits, base, 0, 0, 0,
        ]  # fmt: skip


_PIECE = 65_536  # numbers that are moved at a time


class Links(NamedTuple):
    """Some synapses on their way into stores; those of a source are in canonical order.

    ``steps`` and ``part`` have one entry per synapse, or a single one for all.

    Attributes
    ----------
    pre : int32 (k,)
    steps : int32 (k,) or (1,)          delays
    part : uint16 (k,) or (1,)          whose thread's target it is
    """

    pre: np.ndarray
    steps: np.ndarray
    part: np.ndarray


@kernel
def _count(links, d_min, counts):
    """Histogram of the (part, source, delay) segments."""
    many, split = links.steps.size > 1, links.part.size > 1
    for k in range(links.pre.size):
        step = links.steps[k if many else 0] - d_min
        counts[links.part[k if split else 0], links.pre[k], step] += 1


@kernel
def _fill(links, cells, weights, d_min, span, begins, ends, stores):
    """Put each synapse behind the earlier ones of its segment (a stable counting sort)."""
    targets, weight_of = stores
    many, split = links.steps.size > 1, links.part.size > 1
    for k in range(links.pre.size):
        part = links.part[k if split else 0]
        segment = links.pre[k] * span + links.steps[k if many else 0] - d_min
        place = begins[part] + ends[part, segment]
        ends[part, segment] += 1
        targets[place] = cells[k]
        if weights.size:
            weight_of[place] = weights[k]


def _starts(counts: np.ndarray, out: np.ndarray) -> None:
    """Sums of all segments before each one, and of all; in pieces, as counts are no row."""
    n_pre, span = counts.shape
    rows, total = max(1, _PIECE // span), 0
    for lo in range(0, n_pre, rows):
        part = counts[lo : lo + rows].reshape(-1)
        sums = out[1 + lo * span : 1 + lo * span + part.size]
        np.cumsum(part, out=sums)
        sums += total
        total = sums[-1]


def _shift(array: np.ndarray) -> None:
    """Move all numbers one place up, in place: ends of segments become the next ones' starts."""
    for end in range(array.size, 1, -_PIECE):
        first = max(1, end - _PIECE)
        array[first:end] = array[first - 1 : end - 1].copy()
    array[0] = 0


class StoreBuilder:
    """Counts synapses, then fills them into the stores of all parts: two passes, no copies.

    Parameters
    ----------
    n_pre : int                 size of the source population
    parts : int                 stores to make
    d_min, d_max : int          delays to expect [steps]; others are taken, too
    """

    def __init__(self, n_pre: int, parts: int, d_min: int, d_max: int) -> None:
        self.d_min = d_min
        self._counts = np.zeros((parts, n_pre, d_max - d_min + 1), np.uint32)

    def count(self, links: Links, least: int, greatest: int) -> None:
        """First pass: count synapses, whose delays are within ``least`` and ``greatest``."""
        self._widen(least, greatest)
        _count(links, self.d_min, self._counts)

    def _widen(self, least: int, greatest: int) -> None:
        """Make room for other delays than those that were expected."""
        parts, n_pre, span = self._counts.shape
        d_min, end = min(least, self.d_min), max(greatest + 1, self.d_min + span)
        if (d_min, end) != (self.d_min, self.d_min + span):
            counts = np.zeros((parts, n_pre, end - d_min), np.uint32)
            shift = self.d_min - d_min
            counts[:, :, shift : shift + span] = self._counts
            self.d_min, self._counts = d_min, counts

    def allocate(self, weights: np.ndarray, packing: Packing | None, *, each: bool) -> None:
        """Between the passes: lay out the stores.

        ``weights`` is the weight of all, or the scale of the cells; with ``each`` only its
        dtype counts.
        """
        used = np.flatnonzero(self._counts.any(axis=(0, 1)))
        first, end = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 1)
        parts, n_pre, _ = self._counts.shape
        self.d_min, self._span, self._packing = self.d_min + first, end - first, packing
        self._offsets = np.zeros((parts, n_pre * self._span + 1), np.int64)
        for counts, offsets in zip(self._counts, self._offsets, strict=True):
            _starts(counts[:, first:end], offsets)
        self._counts = np.empty((0, 0, 0), np.uint32)
        self._begins = np.concatenate(([0], np.cumsum(self._offsets[:, -1])))
        n = int(self._begins[-1])
        self._targets = np.empty(n, np.uint32)
        self._weights = np.empty(n, weights.dtype) if each else weights

    def fill(self, links: Links, cells: np.ndarray, weights: np.ndarray) -> None:
        """Second pass: the same synapses in the same order, with targets or cells (uint32).

        ``weights`` has one entry per synapse, or none where the store needs none.
        """
        stores = (self._targets, self._weights)
        given = (links, cells, weights, self.d_min, self._span)
        _fill(*given, self._begins, self._offsets, stores)

    def stores(self) -> list[SparseStore]:
        """The filled stores, one for each part."""
        made = []
        d_max = self.d_min + self._span - 1
        for part, offsets in enumerate(self._offsets):
            _shift(offsets)
            mine = slice(int(self._begins[part]), int(self._begins[part + 1]))
            each = self._packing is None and self._weights.size > 1
            weights = self._weights[mine] if each else self._weights
            targets = self._targets[mine]
            made.append(SparseStore(offsets, targets, weights, self.d_min, d_max, self._packing))
        return made
