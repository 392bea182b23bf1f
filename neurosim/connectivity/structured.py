"""Which rules connect by structure: N of M, blocks of a butterfly, groups?"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from .._jit import kernel
from ..errors import BuildError, ParameterError
from ..random import uniform
from . import draw
from .edges import Edges, Fans, Rows
from .rules import Rule, counted_rows


@dataclass(frozen=True, slots=True)
class NtoM(Rule):
    """N:M structured sparsity: of each ``m`` consecutive sources, a target keeps random ``n``.

    Examples
    --------
    >>> pre, post = NtoM(2, 4).pairs("P", 8, 3, np.uint64(1), same=False)
    >>> np.bincount(pre[post == 0] // 4).tolist()
    [2, 2]
    """

    n: int
    m: int
    autapses: bool = True

    def __post_init__(self) -> None:
        checks.integer("NtoM", "m", self.m, low=1)
        checks.integer("NtoM", "n", self.n, low=0, high=self.m)

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        if n_pre % self.m:
            raise ParameterError(
                f"{owner}.rule NtoM.m must divide the number of sources, {n_pre}, got {self.m}; "
                "take another m, or pad the source population"
            )

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        skip_self = same and not self.autapses
        if skip_self and self.n == self.m:
            raise BuildError(
                f"{owner}.rule NtoM.n must be <= {self.m - 1} with autapses=False, got {self.n}"
            )
        given = (key, self.n, self.m, skip_self)
        degree = n_pre // self.m * self.n
        return Fans(n_pre, n_post, degree, lambda *rows: draw.kept_of_blocks(*given, *rows))

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return n_post * (n_pre // self.m) * self.n


@dataclass(frozen=True, slots=True)
class BlockButterfly(Rule):
    """Block butterfly: a pattern of log2 stages, each with two blocks per row of blocks.

    The sources are cut into B = n_pre / ``block`` blocks, B a power of two, and the targets
    into as many. In stage s, block b goes to the blocks b and b XOR 2**s, all to all.
    Layers with the stages 0 ... log2(B) - 1 behind one another join every source with
    every target, by B log2(B) instead of B**2 / 2 pairs of blocks. ``stage=None`` is the
    flat butterfly (Dao et al. 2022, arXiv 2112.00029): all stages side by side in one
    layer, 1 + log2(B) blocks per row.

    Examples
    --------
    >>> pre, post = BlockButterfly(1, stage=1).pairs("P", 4, 4, np.uint64(0), same=False)
    >>> list(zip(pre.tolist(), post.tolist()))
    [(0, 0), (0, 2), (1, 1), (1, 3), (2, 0), (2, 2), (3, 1), (3, 3)]
    """

    block: int
    stage: int | None = None
    autapses: bool = True

    def __post_init__(self) -> None:
        checks.integer("BlockButterfly", "block", self.block, low=1)
        if self.stage is not None:
            checks.integer("BlockButterfly", "stage", self.stage, low=0)

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        blocks = n_pre // self.block
        if n_pre % self.block or blocks & (blocks - 1):
            raise ParameterError(
                f"{owner}.rule BlockButterfly.block must cut the {n_pre} sources into a power "
                f"of two of blocks, got {self.block}"
            )
        if n_post % blocks:
            raise ParameterError(
                f"{owner}.rule BlockButterfly: {n_post} targets must be a multiple of the "
                f"{blocks} blocks of the sources; take another block"
            )
        if self.stage is not None and 2**self.stage >= max(2, blocks):
            raise ParameterError(
                f"{owner}.rule BlockButterfly.stage must be < log2 of {blocks} blocks, "
                f"got {self.stage}"
            )

    def _partners(self, n_pre: int) -> np.ndarray:
        """Target blocks of each source block, ascending."""
        blocks = n_pre // self.block
        stages = range(blocks.bit_length() - 1) if self.stage is None else [self.stage]
        flips = np.array([0, *(2**s for s in stages if 2**s < blocks)])
        return np.sort(np.arange(blocks)[:, None] ^ flips, axis=1)

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        partners = self._partners(n_pre)
        width = n_post // partners.shape[0]
        targets = (partners[:, :, None] * width + np.arange(width)).astype(np.int32)
        targets = targets.reshape(partners.shape[0], -1)
        skip_self = same and not self.autapses

        def fill(lo, hi, post):
            rows = np.arange(lo, hi)
            found = targets[rows // self.block]
            post[:] = found[found != rows[:, None]] if skip_self else found.reshape(-1)

        return Rows(np.full(n_pre, targets.shape[1] - skip_self), fill)

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        blocks, partners = self._partners(n_pre).shape
        return n_pre * partners * (n_post // blocks) - (n_pre if same and not self.autapses else 0)


@kernel
def _group_rows(key, p, starts, skip_self, first, counts, post):
    """Targets by geometric jumps within each group, of sources from ``first`` on.

    See `bernoulli_rows`; ``starts`` are the groups of the sources and of the targets.
    """
    starts_pre, starts_post = starts
    filling = post.size > 0
    position = 0
    g = 0
    for row in range(counts.size):
        i = first + row
        while i >= starts_pre[g + 1]:
            g += 1
        count = 0
        k = 0
        for h in range(p.shape[1]):
            j = starts_post[h] - 1
            end = starts_post[h + 1]
            scale = 1.0 / math.log1p(-p[g, h]) if 0.0 < p[g, h] < 1.0 else 0.0
            while p[g, h] > 0.0:
                gap = 0.0
                if p[g, h] < 1.0:
                    gap = math.log1p(-uniform(key, i, k)) * scale
                    k += 1
                if gap >= end - 1 - j:
                    break
                j += 1 + np.int64(gap)
                if skip_self and j == i:
                    continue
                if filling:
                    post[position] = j
                    position += 1
                count += 1
        counts[row] = count


@dataclass(frozen=True, slots=True, eq=False)
class GroupToGroup(Rule):
    """Groups of consecutive neurons; a probability for each pair of groups.

    Parameters
    ----------
    n_groups : int                 both populations are cut into as many groups, of sizes
                                   that differ by one at most
    p : array (n_groups, n_groups) or float, optional
        ``p[g, h]``: probability of a synapse from group g to group h. A number holds for
        matching groups (g = h). Default 1: each group to its own, all to all.
    autapses : bool

    Examples
    --------
    >>> GroupToGroup(4).size(20, 40, same=False)
    200
    >>> GroupToGroup(2, [[0.1, 0.0], [0.5, 0.1]]).p.shape
    (2, 2)
    """

    n_groups: int
    p: Any = 1.0
    autapses: bool = True

    def __post_init__(self) -> None:
        n = checks.integer("GroupToGroup", "n_groups", self.n_groups, low=1)
        if np.ndim(self.p) == 0:
            p = checks.number("GroupToGroup", "p", self.p, low=0, high=1) * np.eye(n)
        else:
            p = checks.array("GroupToGroup", "p", self.p, shape=(n, n), low=0, high=1)
        object.__setattr__(self, "p", p)

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        if self.n_groups > min(n_pre, n_post):
            raise ParameterError(
                f"{owner}.rule GroupToGroup.n_groups must be <= {min(n_pre, n_post)}, the "
                f"size of the smaller population, got {self.n_groups}"
            )

    def starts(self, n: int) -> np.ndarray:
        """First neuron of each group, and ``n`` (int64, n_groups + 1)."""
        return np.arange(self.n_groups + 1) * n // self.n_groups

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        skip_self = same and not self.autapses
        given = (key, self.p, (self.starts(n_pre), self.starts(n_post)), skip_self)
        return counted_rows(n_pre, lambda *rows: _group_rows(*given, *rows))

    def size(self, n_pre: int, n_post: int, same: bool) -> int | None:
        if not np.isin(self.p, (0.0, 1.0)).all():
            return None
        return round(self.expected_size(n_pre, n_post, same))

    def expected_size(self, n_pre: int, n_post: int, same: bool) -> float:
        sizes = np.diff(self.starts(n_pre)), np.diff(self.starts(n_post))
        selves = sizes[0] @ np.diag(self.p) if same and not self.autapses else 0.0
        return float(sizes[0] @ self.p @ sizes[1] - selves)
