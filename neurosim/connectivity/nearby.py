"""Which targets are near a source? A grid of cells, and the draws that walk through it."""

import math
from typing import NamedTuple

import numpy as np

from .._jit import kernel
from ..random import exponential, uniform

PROFILES = ("gaussian", "exponential", "disc")
_NEGLIGIBLE = 1e-9  # a profile below this counts as zero
MARGIN = 1e-9  # rounding must neither move a target out of its cell nor off a disc
_CELLS = 256  # of the grid, per axis


class Law(NamedTuple):
    """p(d) = ``p_max`` * profile(d / ``scale``), and zero beyond ``reach``."""

    kind: int
    scale: float
    p_max: float
    reach: float


def law(profile: str, scale: float, p_max: float) -> Law:
    """The law of a profile by its name."""
    cut = -math.log(_NEGLIGIBLE)
    factors = {"gaussian": math.sqrt(2 * cut), "exponential": cut, "disc": 1 + MARGIN}
    return Law(PROFILES.index(profile), float(scale), float(p_max), scale * factors[profile])


@kernel
def probability(law, squared):
    """Probability at a distance whose square is given."""
    if squared > law.reach * law.reach:
        return 0.0
    if law.kind == 0:
        return law.p_max * math.exp(-0.5 * squared / (law.scale * law.scale))
    if law.kind == 1:
        return law.p_max * math.exp(-math.sqrt(squared) / law.scale)
    return law.p_max


@kernel
def probabilities(law, squared):
    """`probability` of each element."""
    out = np.empty(squared.size)
    for k in range(squared.size):
        out[k] = probability(law, squared[k])
    return out


class Cells(NamedTuple):
    """Targets by cell, and what a source's own cell says about the cells around it.

    Attributes
    ----------
    low, width, period : float (3,)      the grid; period 0 on axes that are no ring
    shape : int64 (3,)
    starts, members : int64, int32       targets of each cell
    offsets : int64 (sum of sizes,)      cells to visit along each axis, relative to one's own
    sizes : int64 (3,)
    hazard : float (sizes)               -log(1 - p) with p at the nearest possible distance
    """

    low: np.ndarray
    width: np.ndarray
    period: np.ndarray
    shape: np.ndarray
    starts: np.ndarray
    members: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    hazard: np.ndarray


def cells_of(x_post: np.ndarray, axes: int, period: np.ndarray, law: Law) -> Cells:
    """Sort targets, with positions (n, 3), into cells of about half a scale."""
    n = x_post.shape[0]
    low = np.where(period > 0, 0.0, x_post.min(axis=0))
    size = np.where(period > 0, period, x_post.max(axis=0) - low)
    wanted = law.scale * (1.0 if law.kind == 1 else 0.5)
    most = min(_CELLS, max(1, int((n / 2) ** (1 / axes))))
    shape = np.clip(np.floor(size / wanted), 1, most).astype(np.int64)
    width = np.where(size > 0, size / shape, 1.0)
    ring = np.where(period > 0, period, 1.0)
    inside = x_post - period * np.floor(x_post / ring)
    cell = np.clip(np.floor((inside - low) / width).astype(np.int64), 0, shape - 1)
    flat = (cell[:, 0] * shape[1] + cell[:, 1]) * shape[2] + cell[:, 2]
    counts = np.bincount(flat, minlength=int(shape.prod()))
    offsets, near = [], []
    for a in range(3):
        radius = min(int(law.reach * (1 + MARGIN) / width[a]) + 1, int(shape[a]))
        visit = np.arange(-radius, radius + 1)
        steps = np.abs(visit)
        if period[a] > 0:
            if visit.size >= shape[a]:
                visit = np.arange(shape[a])
            steps = np.minimum(visit % shape[a], -visit % shape[a])
        offsets.append(visit)
        near.append((np.maximum(0.0, steps - 1 - MARGIN) * width[a]) ** 2)
    squared = near[0][:, None, None] + near[1][:, None] + near[2]
    with np.errstate(divide="ignore"):
        hazard = -np.log1p(-probabilities(law, squared.reshape(-1)).reshape(squared.shape))
    return Cells(
        low, width, period, shape, np.concatenate(([0], np.cumsum(counts))),
        np.argsort(flat, kind="stable").astype(np.int32), np.concatenate(offsets),
        np.array([o.size for o in offsets], np.int64), hazard,
    )  # fmt: skip


@kernel
def _squared(a, b, period):
    """Square of the distance of two points, around the rings among the axes."""
    total = 0.0
    for k in range(3):
        d = abs(a[k] - b[k])
        if period[k] > 0.0:
            d -= period[k] * math.floor(d / period[k])
            d = min(d, period[k] - d)
        total += d * d
    return total


@kernel
def _own_cell(cells, a, x):
    """Cell of a source along an axis; it may lie off the grid where there is no ring."""
    if cells.period[a] > 0.0:
        x -= cells.period[a] * math.floor(x / cells.period[a])
        return min(np.int64((x - cells.low[a]) / cells.width[a]), cells.shape[a] - 1)
    return np.int64(math.floor((x - cells.low[a]) / cells.width[a]))


@kernel
def _shifted(cells, a, cell, offset):
    """The cell at an offset along an axis, or -1 off the grid."""
    cell += offset
    n = cells.shape[a]
    if cells.period[a] > 0.0:  # offsets are within one round
        if cell < 0:
            cell += n
        elif cell >= n:
            cell -= n
    return cell if 0 <= cell < n else np.int64(-1)


@kernel
def nearby_rows(key, law, places, cells, skip_self, first, counts, post):
    """Targets of the sources from ``first`` on, each with the probability of its distance.

    An exponential number is spent on the hazards of the targets, cell by cell; where it
    runs out, a target is hit (the geometric jumps of `bernoulli_rows`, through cells of
    different probability). The hazards are those of the nearest possible distance, so a
    target is kept with the ratio of its own probability (thinning). Work grows with cells and
    synapses, not with pairs. With an empty ``post`` the targets are only counted.
    """
    x_pre, x_post = places
    filling = post.size > 0
    position = 0
    n0, n1, n2 = cells.sizes
    for row in range(counts.size):
        i = first + row
        count = 0
        c0 = _own_cell(cells, 0, x_pre[i, 0])
        c1 = _own_cell(cells, 1, x_pre[i, 1])
        c2 = _own_cell(cells, 2, x_pre[i, 2])
        budget = exponential(key, i, 0)
        k = 1
        for a0 in range(n0):
            b0 = _shifted(cells, 0, c0, cells.offsets[a0])
            for a1 in range(n1 if b0 >= 0 else 0):
                b1 = _shifted(cells, 1, c1, cells.offsets[n0 + a1])
                for a2 in range(n2 if b1 >= 0 else 0):
                    b2 = _shifted(cells, 2, c2, cells.offsets[n0 + n1 + a2])
                    hazard = cells.hazard[a0, a1, a2]
                    if b2 < 0 or hazard == 0.0:
                        continue
                    c = (b0 * cells.shape[1] + b1) * cells.shape[2] + b2
                    t = cells.starts[c]
                    end = cells.starts[c + 1]
                    while t < end and budget < hazard * (end - t):
                        t += np.int64(budget / hazard)
                        if t >= end:  # by rounding only
                            break
                        j = cells.members[t]
                        p = probability(law, _squared(x_pre[i], x_post[j], cells.period))
                        kept = uniform(key, i, k) * -math.expm1(-hazard) < p
                        budget = exponential(key, i, k + 1)
                        k += 2
                        t += 1
                        if kept and not (skip_self and j == i):
                            if filling:
                                post[position] = j
                                position += 1
                            count += 1
                    if t < end:
                        budget -= hazard * (end - t)
        counts[row] = count
