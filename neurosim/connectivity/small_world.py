"""Who are the neighbours on a ring, and which of them are rewired?"""

from dataclasses import dataclass

import numpy as np

from .. import checks
from .._jit import kernel
from ..errors import ParameterError
from ..random import below, uniform
from .edges import Edges, Rows
from .rules import Rule


@kernel
def _small_world(key, half, p, first, stamp, post):
    """Neighbours, some of them rewired, of the sources from ``first`` on: a row for each."""
    n = stamp.size
    for row in range(post.shape[0]):
        i = first + row
        for k in range(2 * half):
            j = (i - half + k if k < half else i + 1 + k - half) % n
            stamp[j] = i
            post[row, k] = j
        stamp[i] = i
        draws = 2 * half
        for k in range(2 * half):
            if 2 * half == n - 1 or uniform(key, i, k) >= p:
                continue
            j = below(key, i, draws, n)
            draws += 1
            while stamp[j] == i:
                j = below(key, i, draws, n)
                draws += 1
            stamp[post[row, k]] = -1
            stamp[j] = i
            post[row, k] = j


@dataclass(frozen=True, slots=True)
class SmallWorld(Rule):
    """A ring where each source knows its ``k`` nearest, each rewired with probability ``p``.

    The directed form of Watts and Strogatz (1998, doi 10.1038/30918): source i goes to
    i - k/2 ... i + k/2 on the ring, without itself; then each synapse moves, with
    probability ``p``, to a random target that i does not have yet. No autapses and no
    multapses. p = 0 is a lattice; p = 1 is random with out-degree ``k``.

    Examples
    --------
    >>> pre, post = SmallWorld(2, 0.0).pairs("P", 5, 5, np.uint64(0), same=True)
    >>> post.reshape(5, 2).tolist()
    [[4, 1], [0, 2], [1, 3], [2, 4], [3, 0]]
    """

    k: int
    p: float

    def __post_init__(self) -> None:
        if checks.integer("SmallWorld", "k", self.k, low=0) % 2:
            raise ParameterError(
                f"SmallWorld.k must be even, half of it to each side, got {self.k}"
            )
        checks.number("SmallWorld", "p", self.p, low=0, high=1)

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        if n_pre != n_post:
            raise ParameterError(
                f"{owner}.rule SmallWorld must join populations of equal size, "
                f"got {n_pre} and {n_post}"
            )
        if self.k >= n_pre:
            raise ParameterError(
                f"{owner}.rule SmallWorld.k must be <= {n_pre - 1}, one less than the ring, "
                f"got {self.k}"
            )

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        def fill(lo, hi, post):
            if lo == 0:
                stamp[:] = -1
            _small_world(key, self.k // 2, float(self.p), lo, stamp, post.reshape(-1, self.k))

        stamp = np.empty(n_pre, np.int64)
        return Rows(np.full(n_pre, self.k), fill)

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return n_pre * self.k
