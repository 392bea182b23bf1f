"""Which rules fix how many synapses there are: per source, in all, or evenly spread?"""

import math
from dataclasses import dataclass

import numpy as np

from .. import checks
from ..errors import BuildError
from ..random import bits
from . import draw
from .rules import Pairs, Rule, rows, transposed


@dataclass(frozen=True, slots=True)
class FixedOutDegree(Rule):
    """Each source makes exactly ``k`` synapses with random targets.

    With ``multapses=False`` the targets of a source are distinct.

    Examples
    --------
    >>> FixedOutDegree(100).size(50, 1000, same=False)
    5000
    """

    k: int
    autapses: bool = True
    multapses: bool = True

    def __post_init__(self) -> None:
        checks.integer("FixedOutDegree", "k", self.k, low=0)

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        skip_self = same and not self.autapses
        available = n_post - (1 if skip_self else 0)
        if (self.k > 0 and available <= 0) or (not self.multapses and self.k > available):
            raise BuildError(
                f"{owner}.rule FixedOutDegree.k must be <= {available} targets, got {self.k}; "
                "take a smaller k, or multapses=True"
            )
        targets = np.empty((n_pre, self.k), np.int32)
        draw.partners(key, n_post, skip_self, self.multapses, targets)
        return rows(np.full(n_pre, self.k)), targets.reshape(-1)

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return n_pre * self.k


@dataclass(frozen=True, slots=True)
class FixedTotalNumber(Rule):
    """Exactly ``n`` synapses, each between a random source and a random target.

    All pairs are equally likely. With ``multapses=True`` the draws are independent, so
    that in-degrees and out-degrees are multinomial; with ``multapses=False`` the pairs are
    distinct, and every set of ``n`` pairs is equally likely.

    Examples
    --------
    >>> FixedTotalNumber(5000).size(100, 1000, same=False)
    5000
    """

    n: int
    autapses: bool = True
    multapses: bool = True

    def __post_init__(self) -> None:
        checks.integer("FixedTotalNumber", "n", self.n, low=0)

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        skip_self = same and not self.autapses
        available = n_pre * (n_post - (1 if skip_self else 0))
        if (self.n > 0 and available <= 0) or (not self.multapses and self.n > available):
            raise BuildError(
                f"{owner}.rule FixedTotalNumber.n must be <= {available} pairs, got {self.n}; "
                "take a smaller n, or multapses=True"
            )
        if not self.multapses:
            return self._distinct(n_pre, n_post, key, skip_self, available)
        counts = np.zeros(n_pre, np.int64)
        draw.uniform_sources(key, int(self.n), counts)
        post = np.empty(int(self.n), np.int32)
        draw.uniform_targets(key, n_post, skip_self, counts, post)
        return rows(counts), post

    def _distinct(self, n_pre, n_post, key, skip_self, available) -> Pairs:
        """A few pairs too many, each with equal probability, of which random ones go.

        A random subset of n out of m pairs, which are themselves random, is a random
        subset of all pairs: no table of pairs is needed.
        """
        n = int(self.n)
        p = min(1.0, (n + 5 * math.sqrt(n) + 5) / max(1, available)) if n else 0.0
        counts = np.zeros(n_pre, np.int64)
        attempt = 0
        while True:
            attempt_key = np.uint64(bits(key, attempt, 2))
            draw.bernoulli_rows(attempt_key, p, n_post, skip_self, counts, np.empty(0, np.int32))
            drawn = int(counts.sum())
            if drawn >= n:
                break
            attempt += 1
        post = np.empty(drawn, np.int32)
        draw.bernoulli_rows(attempt_key, p, n_post, skip_self, counts, post)
        pre = rows(counts)
        left = draw.thin(attempt_key, drawn - n, pre, post)
        return pre[:left], post[:left]

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return self.n


@dataclass(frozen=True, slots=True)
class ConstantFanIn(Rule):
    """Each target receives ``k`` distinct random sources, and every source is used equally.

    As :class:`FixedInDegree` without multapses, but balanced: out-degrees differ by one at
    most (by two with ``autapses=False``), where independent draws would spread them by
    their square root. Hardware with fixed tables per axon wants such layers.

    Examples
    --------
    >>> pre, post = ConstantFanIn(3).pairs("P", 6, 4, np.uint64(1), same=False)
    >>> np.bincount(pre).tolist(), np.bincount(post).tolist()
    ([2, 2, 2, 2, 2, 2], [3, 3, 3, 3])
    """

    k: int
    autapses: bool = True

    def __post_init__(self) -> None:
        checks.integer("ConstantFanIn", "k", self.k, low=0)

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        skip_self = same and not self.autapses
        available = n_pre - (1 if skip_self else 0)
        if self.k > available:
            raise BuildError(
                f"{owner}.rule ConstantFanIn.k must be <= {available} sources, got {self.k}; "
                "take a smaller k, or FixedInDegree with multapses=True"
            )
        sources = np.empty((n_post, self.k), np.int32)
        draw.deal(key, n_pre, skip_self, sources)
        return transposed(sources, n_pre)

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return n_post * self.k
