"""Which rules fix how many synapses there are: per source, in all, or evenly spread?"""

import math
from dataclasses import dataclass

import numpy as np

from .. import checks
from ..errors import BuildError
from ..random import bits
from . import draw
from .edges import Edges, Fans, Rows, histogram, starts_of
from .rules import Rule, counted

_DEALS = 4  # parts of the targets for which the sources are dealt anew,
_LITTLE = 1_000_000  # unless they are so few bytes


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

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        skip_self = same and not self.autapses
        available = n_post - (1 if skip_self else 0)
        if (self.k > 0 and available <= 0) or (not self.multapses and self.k > available):
            raise BuildError(
                f"{owner}.rule FixedOutDegree.k must be <= {available} targets, got {self.k}; "
                "take a smaller k, or multapses=True"
            )
        stamp = np.full(0 if self.multapses else n_post, -1, np.int64)

        def fill(lo, hi, post):
            if lo == 0:
                stamp[:] = -1
            rows = post.reshape(-1, self.k)
            draw.partners(key, n_post, skip_self, self.multapses, lo, stamp, rows)

        return Rows(np.full(n_pre, self.k), fill)

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

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
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
        starts = starts_of(counts)

        def fill(lo, hi, post):
            given = (key, n_post, skip_self, lo, counts[lo:hi])
            draw.uniform_targets(*given, int(starts[lo]), post)

        return Rows(counts, fill)

    def _distinct(self, n_pre, n_post, key, skip_self, available) -> Edges:
        """A few pairs too many, each with equal probability, of which random ones go.

        A random subset of n out of m pairs, which are themselves random, is a random
        subset of all pairs: no table of pairs is needed.
        """
        n = int(self.n)
        p = min(1.0, (n + 5 * math.sqrt(n) + 5) / max(1, available)) if n else 0.0
        attempt = 0
        while True:
            key_now = np.uint64(bits(key, attempt, 2))
            given = (key_now, p, n_post, skip_self)
            drawn = counted(n_pre, lambda *rows: draw.bernoulli_rows(*given, *rows))  # noqa: B023
            starts = starts_of(drawn)
            if starts[-1] >= n:
                break
            attempt += 1
        gone = np.flatnonzero(draw.surplus(key_now, int(starts[-1]), int(starts[-1]) - n))
        counts = drawn - np.diff(np.searchsorted(gone, starts))

        def fill(lo, hi, post):
            made = np.empty(starts[hi] - starts[lo], np.int32)
            draw.bernoulli_rows(*given, lo, drawn[lo:hi].copy(), made)
            here = np.searchsorted(gone, (starts[lo], starts[hi]))
            post[:] = np.delete(made, gone[slice(*here)] - starts[lo])

        return Rows(counts, fill)

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

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        skip_self = same and not self.autapses
        available = n_pre - (1 if skip_self else 0)
        if self.k > available:
            raise BuildError(
                f"{owner}.rule ConstantFanIn.k must be <= {available} sources, got {self.k}; "
                "take a smaller k, or FixedInDegree with multapses=True"
            )
        given = (key, n_pre, n_post, skip_self)
        sources, counts = np.empty((n_post, self.k), np.int32), np.zeros(n_pre, np.int64)
        draw.deal(*given, 0, sources)
        histogram(sources.reshape(-1), counts)
        # The pack is dealt from the beginning each time: seldom, but not to all at once.
        least = -(-n_post // (1 if sources.nbytes < _LITTLE else _DEALS))
        return Fans(n_pre, n_post, self.k, lambda *rows: draw.deal(*given, *rows), least, counts)

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return n_post * self.k
