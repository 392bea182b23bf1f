"""Which targets does a source reach through a kernel? Axis by axis, never synapse by synapse.

Along one axis an input coordinate i reaches an arithmetic progression of outputs, through an
arithmetic progression of taps (a convolution with stride s, dilation d and padding p has
i + p = s o + d k). A table with three numbers for each coordinate says which; taps are stored
in the order in which outputs meet them, so that neighbours in one are neighbours in the other.
Channels are innermost: what a spike adds at one place is one run of numbers.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._jit import kernel

AXES = 3  # a plan has as many; those that are missing have length 1

# Numbers at the beginning of a plan; then, for each axis, those of `AXIS`, then the tables.
C_IN, C_OUT, GROUP_IN, GROUP_OUT, BASE, LOW, HIGH = range(7)
HEAD = 7
N_IN, N_OUT, N_TAPS, STEP, TABLE = range(5)
AXIS = 5
FIRST_OUT, FIRST_TAP, COUNT = range(3)  # columns of the table of an axis


class Axis(NamedTuple):
    """One axis of a kernel.

    Attributes
    ----------
    table : int64 (n_in, 3)     first output, first stored tap, and how many, of each coordinate
    n_out : int
    order : int64 (n_taps,)     which tap of the kernel is stored in each place
    step : int                  outputs between two neighbours in the store
    """

    table: np.ndarray
    n_out: int
    order: np.ndarray
    step: int


def convolved(
    n_in: int, n_taps: int, stride: int, padding: tuple[int, int], dilation: int, pool: int
) -> Axis:
    """The axis of a convolution behind a sum over ``pool`` neighbours (a rest is left out).

    Output o has input s o + d k - p at tap k; ``padding`` is p before, and after.
    """
    n_pooled = n_in // pool
    n_out = (n_pooled + sum(padding) - dilation * (n_taps - 1) - 1) // stride + 1
    divisor = math.gcd(stride, dilation)
    taps = np.arange(n_taps)
    stored = np.lexsort((-taps, taps % (stride // divisor)))  # each residue, downwards
    place = np.argsort(stored)
    table = np.zeros((n_in, 3), np.int64)
    at = np.arange(n_pooled)[:, None] + padding[0] - dilation * taps
    meets = (at % stride == 0) & (at >= 0) & (at < stride * max(n_out, 0))
    for i in range(n_pooled):
        found = taps[meets[i]]
        if found.size:
            rows = slice(i * pool, (i + 1) * pool)
            table[rows] = at[i, found[-1]] // stride, place[found[-1]], found.size
    return Axis(table, n_out, stored, dilation // divisor)


def transposed(
    n_in: int, n_taps: int, stride: int, padding: tuple[int, int], dilation: int, extra: int
) -> Axis:
    """The axis of a transposed convolution: input i reaches s i + d k - p at tap k."""
    n_out = (n_in - 1) * stride - sum(padding) + dilation * (n_taps - 1) + extra + 1
    taps = np.arange(n_taps)
    table = np.zeros((n_in, 3), np.int64)
    at = np.arange(n_in)[:, None] * stride - padding[0] + dilation * taps
    meets = (at >= 0) & (at < n_out)
    for i in range(n_in):
        found = taps[meets[i]]
        if found.size:
            table[i] = at[i, found[0]], found[0], found.size
    return Axis(table, n_out, taps, dilation)


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """How the channels and coordinates of sources and targets hang together.

    Attributes
    ----------
    axes : tuple of Axis        up to three; the last one is next to the channels
    channels : tuple of int     of sources and of targets
    groups : int                they are split into as many, and a source reaches its own
    """

    axes: tuple[Axis, ...]
    channels: tuple[int, int]
    groups: int = 1

    @property
    def shape_in(self) -> tuple[int, ...]:
        """Shape of the sources, channels last."""
        return (*(len(a.table) for a in self.axes), self.channels[0])

    @property
    def shape_out(self) -> tuple[int, ...]:
        """Shape of the targets."""
        return (*(a.n_out for a in self.axes), self.channels[1])

    def counts(self) -> np.ndarray:
        """Synapses of each source, int64 (n_pre,)."""
        found = np.ones(1, np.int64)
        for axis in self.axes:
            found = np.multiply.outer(found, axis.table[:, COUNT]).reshape(-1)
        return np.repeat(found * (self.channels[1] // self.groups), self.channels[0])

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Numbers for each (source channel, *taps, channel of the group), as they are stored.

        Parameters
        ----------
        values : (c_in, c_out / groups, *taps)
        """
        values = np.moveaxis(values, 1, -1)
        for k, axis in enumerate(self.axes):
            values = np.take(values, axis.order, axis=k + 1)
        return np.ascontiguousarray(values)

    def plan(self, base: int = 0, low: int = 0, high: int | None = None) -> np.ndarray:
        """What kernels read: targets ``low`` to ``high`` are meant, number 0 is at ``base``."""
        c_in, c_out = self.channels
        n_post = math.prod(self.shape_out)
        head = [c_in, c_out, c_in // self.groups, c_out // self.groups]
        head += [base, low, n_post if high is None else high]
        point = Axis(np.array([[0, 0, 1]]), 1, np.zeros(1, np.int64), 1)
        axes = [point] * (AXES - len(self.axes)) + list(self.axes)
        place = HEAD + AXIS * AXES
        for axis in axes:
            head += [len(axis.table), axis.n_out, axis.order.size, axis.step, place]
            place += axis.table.size
        return np.concatenate([head, *(axis.table.reshape(-1) for axis in axes)]).astype(np.int64)


@kernel
def reach(plan, axis, coordinate):
    """(first output, first stored tap, how many) of a coordinate."""
    place = plan[HEAD + AXIS * axis + TABLE] + 3 * coordinate
    return plan[place + FIRST_OUT], plan[place + FIRST_TAP], plan[place + COUNT]


@kernel
def spot(plan, source):
    """(three coordinates, channel) of a source."""
    place, channel = source // plan[C_IN], source % plan[C_IN]
    n_y, n_x = plan[HEAD + AXIS + N_IN], plan[HEAD + 2 * AXIS + N_IN]
    x = place % n_x
    place //= n_x
    return place // n_y, place % n_y, x, channel


@kernel
def list_targets(plan, first, last, targets, taps):
    """Write target and stored tap of all synapses of the sources first ... last - 1."""
    n = 0
    n_y, n_x = plan[HEAD + AXIS + N_OUT], plan[HEAD + 2 * AXIS + N_OUT]
    k_y, k_x = plan[HEAD + AXIS + N_TAPS], plan[HEAD + 2 * AXIS + N_TAPS]
    step_z, step_y, step_x = (
        plan[HEAD + STEP],
        plan[HEAD + AXIS + STEP],
        plan[HEAD + 2 * AXIS + STEP],
    )
    run = plan[GROUP_OUT]
    for source in range(first, last):
        z, y, x, c = spot(plan, source)
        out_z, tap_z, count_z = reach(plan, 0, z)
        out_y, tap_y, count_y = reach(plan, 1, y)
        out_x, tap_x, count_x = reach(plan, 2, x)
        channel = c // plan[GROUP_IN] * run
        for i in range(count_z):
            for j in range(count_y):
                row = (out_z + i * step_z) * n_y + out_y + j * step_y
                tap = ((c * plan[HEAD + N_TAPS] + tap_z + i) * k_y + tap_y + j) * k_x + tap_x
                for k in range(count_x):
                    place = (row * n_x + out_x + k * step_x) * plan[C_OUT] + channel
                    for m in range(run):
                        if targets.size:
                            targets[n] = place + m
                        if taps.size:
                            taps[n] = (tap + k) * run + m
                        n += 1
    return n
