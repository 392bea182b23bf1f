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
from ..errors import BuildError

AXES = 3  # a plan has as many; those that are missing have length 1
FIRST, TAP, N_Z, N_Y, N_X = range(5)  # columns of the table of places in a plan
PLACE = 5
FIRST_OUT, FIRST_TAP, COUNT = range(3)  # columns of the table of an axis
_LARGEST = 2**31 - 1


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

    def places(self) -> np.ndarray:
        """First target and tap of channel 0, and rows along each axis, of each source place."""
        point = Axis(np.array([[0, 0, 1]]), 1, np.zeros(1, np.int64), 1)
        axes = [point] * (AXES - len(self.axes)) + list(self.axes)
        first, tap = np.zeros(1, np.int64), np.zeros(1, np.int64)
        counts = np.zeros((1, 0), np.int64)
        for axis in axes:
            n = len(axis.table)
            first = np.add.outer(first * axis.n_out, axis.table[:, FIRST_OUT]).reshape(-1)
            tap = np.add.outer(tap * axis.order.size, axis.table[:, FIRST_TAP]).reshape(-1)
            own = np.tile(axis.table[:, COUNT], len(counts))
            counts = np.column_stack((np.repeat(counts, n, axis=0), own))
        return np.column_stack((first * self.channels[1], tap, counts))

    def plan(self, base: int = 0, low: int = 0, high: int | None = None) -> np.ndarray:
        """What kernels read: targets ``low`` to ``high`` are meant, number 0 is at ``base``.

        The numbers of a `Walk`, then the table of places (int32).
        """
        c_in, c_out = self.channels
        (_, n_y, n_x), (_, k_y, k_x), (step_z, step_y, step_x) = self._extents()
        run, n_post = c_out // self.groups, math.prod(self.shape_out)
        walk = Walk(
            c_in=c_in, group_in=c_in // self.groups, run=run,
            taps=math.prod(a.order.size for a in self.axes),
            out_z=step_z * n_y * n_x * c_out, out_y=step_y * n_x * c_out, out_x=step_x * c_out,
            tap_z=k_y * k_x, tap_y=k_x, joined=int(step_x == 1 and run == c_out),
            base=base, low=low, high=n_post if high is None else high, **_divider(c_in),
        )  # fmt: skip
        if base + n_post > _LARGEST:
            raise BuildError(
                f"a kernel must lead to places below 2^31 of the input buffers, got {base + n_post}"
            )
        numbers = np.concatenate([walk, self.places().reshape(-1)])
        return numbers.astype(np.uint32).view(np.int32)

    def _extents(self) -> list[tuple[int, int, int]]:
        """Outputs, taps and steps of three axes."""
        missing = (1,) * (AXES - len(self.axes))
        return [
            (*missing, *values)
            for values in zip(*((a.n_out, a.order.size, a.step) for a in self.axes), strict=True)
        ] or [missing] * 3


class Walk(NamedTuple):
    """The numbers of a plan that every spike needs."""

    c_in: int
    group_in: int  # source channels of a group
    run: int  # target channels of a group
    taps: int  # of one channel
    out_z: int  # from a row of outputs to the next one, along each axis
    out_y: int
    out_x: int
    tap_z: int  # and of taps
    tap_y: int
    joined: int  # are neighbouring outputs and taps neighbours in memory?
    base: int
    low: int
    high: int
    reciprocal: int  # (source * reciprocal) >> shift is source // c_in
    shift: int


def _divider(c_in: int) -> dict[str, int]:
    """A product and a shift instead of a division, exact for sources below 2^31.

    Granlund and Montgomery 1994, Division by invariant integers using multiplication.
    """
    shift = 31 + (c_in - 1).bit_length()
    return {"reciprocal": -(-(1 << shift) // c_in), "shift": shift}


HEAD = len(Walk._fields)


class Spot(NamedTuple):
    """Where a spike's outputs and taps begin, and their number along each axis."""

    first: int
    tap: int
    n_z: int
    n_y: int
    n_x: int
    own: int  # the first tap of its channel


@kernel
def walk_of(plan):
    """Read the beginning of a plan."""
    return Walk(
        np.int64(plan[0]), np.int64(plan[1]), np.int64(plan[2]), np.int64(plan[3]),
        np.int64(plan[4]), np.int64(plan[5]), np.int64(plan[6]), np.int64(plan[7]),
        np.int64(plan[8]), np.int64(plan[9]), np.int64(plan[10]), np.int64(plan[11]),
        np.int64(plan[12]), np.int64(plan[13]) & 0xFFFFFFFF, np.int64(plan[14]),
    )  # fmt: skip


@kernel
def spot_of(plan, walk, source):
    """Where a source reaches."""
    place = (source * walk.reciprocal) >> walk.shift
    c = source - place * walk.c_in
    group = np.int64(0) if walk.group_in == walk.c_in else c // walk.group_in
    at = np.uint64(HEAD + PLACE * place)
    return Spot(
        plan[at] + group * walk.run, np.int64(plan[at + np.uint64(TAP)]),
        np.int64(plan[at + np.uint64(N_Z)]), np.int64(plan[at + np.uint64(N_Y)]),
        np.int64(plan[at + np.uint64(N_X)]), c * walk.taps,
    )  # fmt: skip


@kernel
def row_of(walk, spot, i, j):
    """(first target, first tap) of row (i, j) of a source's outputs."""
    first = spot.first + i * walk.out_z + j * walk.out_y
    return first, spot.tap + i * walk.tap_z + j * walk.tap_y


@kernel
def list_targets(plan, first, last, targets, taps):
    """Write target and stored tap of all synapses of the sources first ... last - 1."""
    n = 0
    walk = walk_of(plan)
    for source in range(first, last):
        spot = spot_of(plan, walk, source)
        for i in range(spot.n_z):
            for j in range(spot.n_y):
                target, tap = row_of(walk, spot, i, j)
                for k in range(spot.n_x):
                    for m in range(walk.run):
                        if targets.size:
                            targets[n] = target + k * walk.out_x + m
                        if taps.size:
                            taps[n] = (spot.own + tap + k) * walk.run + m
                        n += 1
    return n
