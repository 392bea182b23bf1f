"""How does a spike walk through a kernel? Run by run of channels, straight into the buffer.

Nothing is stored for a synapse: a spike's coordinates say which taps reach which targets
(:mod:`neurosim.connectivity.taps`). Where neighbouring outputs meet neighbouring taps, and
all channels belong to one group, a whole row of outputs is one run.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._jit import INT32, INT64, UINT8, UINT32, add_lanes, address, kernel, view
from .deliver import (
    COLUMNS,
    D_MAX,
    D_MIN,
    HISTORY_COLUMNS,
    LIST,
    MARK,
    N_OFFSETS,
    NNZ,
    OFFSETS,
    STAMPED,
    TARGETS,
    WEIGHTS,
    factor_of,
    spikes_of,
)
from .places import GROUP
from .taps import row_of, spot_of, walk_of


class StampStore(NamedTuple):
    """A kernel between a source population and a part of the targets.

    Attributes
    ----------
    plan : int32            see `Taps.plan`
    steps : int32 (taps,), or (1,)      delay of each stored tap, or of all
    weights : real (k,)                 the kernel, as it is stored
    """

    plan: np.ndarray
    steps: np.ndarray
    weights: np.ndarray

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        return self.plan.nbytes + self.steps.nbytes + self.weights.nbytes

    def row(self, pre: int) -> list[int]:
        """The store's row of the engine's table; ``pre`` is the source population."""
        return [
            STAMPED, pre, address(self.plan), self.plan.size, address(self.steps), self.steps.size,
            address(self.weights), self.weights.size, int(self.steps.min()), int(self.steps.max()),
            0, 0, 0, 0, 0,
        ]  # fmt: skip


@kernel
def _mark_run(first, length, busy):
    """Mark the groups of neighbouring places: three without a question, as runs are short."""
    head, tail = np.uint64(first >> 6), np.uint64((first + length - 1) >> 6)
    busy[head] = busy[(head + tail) >> np.uint64(1)] = busy[tail] = 1
    if tail - head > 2:
        for group in range(head, tail):
            busy[group] = 1


@kernel
def _run(marking, walk, first, begin, length, weights, factor, sinks, n):
    """Add a run of weights to targets first, first + 1 ..., as far as they are meant.

    Runs are short, so their arrays are made of addresses, which asks nothing of bounds.
    """
    inputs, like, marks, touched, busy = sinks
    lo, hi = max(first, walk.low), min(first + length, walk.high)
    if lo >= hi:
        return n
    targets = view(inputs + (walk.base + lo) * like.itemsize, hi - lo, like)
    added = view(weights + (begin + lo - first) * like.itemsize, hi - lo, like)
    for j in range(hi - lo):
        targets[j] += added[j] * factor
    if marking & MARK:
        _mark_run(walk.base + lo, hi - lo, busy)
    if marking & LIST:
        for at in range(walk.base + lo, walk.base + hi):
            touched[n] = at
            n += 1 - marks[at]
            marks[at] = 1
    return n


@kernel
def _add_row(target, weight, n, factor, like):
    """Add ``n`` neighbouring weights to neighbouring targets; both are addresses."""
    size = like.itemsize
    while n >= 16:
        add_lanes(target, weight, factor, like, 16)
        target, weight, n = target + 16 * size, weight + 16 * size, n - 16
    if n >= 8:
        add_lanes(target, weight, factor, like, 8)
        target, weight, n = target + 8 * size, weight + 8 * size, n - 8
    while n > 0:
        add_lanes(target, weight, factor, like, 1)
        target, weight, n = target + size, weight + size, n - 1


@kernel
def _stamp_rows(marking, walk, spot, weights, factor, sinks):
    """The arrivals of one spike where whole rows of outputs are runs, and all are meant."""
    inputs, like, _, _, busy = sinks
    length = spot.n_x * walk.run
    for i in range(spot.n_z):
        first, tap = row_of(walk, spot, i, 0)
        place = walk.base + first
        target = inputs + place * like.itemsize
        weight = weights + (spot.own + tap) * walk.run * like.itemsize
        left = spot.n_y
        while left > 0:
            _add_row(target, weight, length, factor, like)
            if marking & MARK:
                _mark_run(place, length, busy)
                place += walk.out_y
            target += walk.out_y * like.itemsize
            weight += walk.tap_y * walk.run * like.itemsize
            left -= 1


@kernel
def _are_all_meant(walk, spot):
    """Do all outputs of a source, if any, lie in the part of the targets of this plan?"""
    last, _ = row_of(walk, spot, spot.n_z - 1, spot.n_y - 1)
    return spot.n_x > 0 and spot.first >= walk.low and last + spot.n_x * walk.run <= walk.high


@kernel
def _stamp(marking, walk, spot, delay, steps, weights, factor, sinks, n):
    """The arrivals of one spike through the taps of one delay; the number of touched places."""
    same = steps.size == 1
    joined = same and walk.joined != 0
    for i in range(spot.n_z):
        for j in range(spot.n_y):
            first, tap = row_of(walk, spot, i, j)
            begin = (spot.own + tap) * walk.run
            if joined:
                length = spot.n_x * walk.run
                n = _run(marking, walk, first, begin, length, weights, factor, sinks, n)
                continue
            for k in range(spot.n_x):
                if same or steps[tap + k] == delay:
                    at, where = first + k * walk.out_x, begin + k * walk.run
                    n = _run(marking, walk, at, where, walk.run, weights, factor, sinks, n)
    return n


def stamper(marking: int, scaled: bool, like: np.ndarray) -> Callable:
    """The source of ``deliver`` for kernels; see `deliverer`."""
    one = like.dtype.type(1)

    def deliver(store, histories, parts, length, place, inputs, n_inputs, marks, touched, n):
        row = view(store, COLUMNS, INT64)
        histories = view(histories, parts * HISTORY_COLUMNS, INT64)
        plan = view(row[OFFSETS], row[N_OFFSETS], INT32)
        steps = view(row[TARGETS], row[NNZ], INT32)
        listed = view(touched, n_inputs + 1, UINT32)
        busy = view(marks + n_inputs, n_inputs // GROUP, UINT8)
        sinks = (inputs, like, view(marks, n_inputs, UINT8), listed, busy)
        walk = walk_of(plan)
        rows = not marking & LIST and steps.size == 1 and walk.joined != 0
        for delay in range(row[D_MAX], row[D_MIN] - 1, -1):
            for part in range(parts):
                starts, ids = spikes_of(histories, part, length)
                for k in range(starts[place - delay], starts[place - delay + 1]):
                    spot = spot_of(plan, walk, np.int64(ids[k]))
                    factor = one
                    if scaled:
                        factor = like.dtype.type(factor_of(row, histories, part, k, place))
                    if rows and _are_all_meant(walk, spot):
                        _stamp_rows(marking, walk, spot, row[WEIGHTS], factor, sinks)
                        continue
                    n = _stamp(marking, walk, spot, delay, steps, row[WEIGHTS], factor, sinks, n)
        return n

    return deliver
