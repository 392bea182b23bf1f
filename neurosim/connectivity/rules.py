"""Who is connected to whom? Connection rules, from description to index pairs.

``rule.pairs(owner, n_pre, n_post, key, same)`` returns ``(pre, post)``, int32 arrays sorted
by ``pre``; the position in them is the synapse's stable id. ``same`` says that source and
target are one population, so that autapses can be left out. ``rule.edges(...)`` is the same
in blocks: random rules count first and make targets when asked, from the same counter-based
numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import checks
from ..errors import BuildError, ParameterError
from . import draw
from .edges import Edges, Fans, Rows, histogram, starts_of

Pairs = tuple[np.ndarray, np.ndarray]


def counted(n_pre: int, make: Callable[[int, np.ndarray, np.ndarray], object]) -> np.ndarray:
    """Synapses of each source: ``make(first, counts, post)`` with nowhere to put targets."""
    counts = np.zeros(n_pre, np.int64)
    make(0, counts, np.empty(0, np.int32))
    return counts


def counted_rows(n_pre: int, make: Callable[[int, np.ndarray, np.ndarray], object]) -> Edges:
    """The synapses of a kernel that counts its targets while it draws them."""
    counts = counted(n_pre, make)
    # A copy, as the kernel counts again.
    return Rows(counts, lambda lo, hi, post: make(lo, counts[lo:hi].copy(), post))


def _listed(counts: np.ndarray, post: np.ndarray) -> Edges:
    """Synapses whose targets lie in an array."""
    starts = starts_of(counts)

    def fill(lo, hi, out):
        out[:] = post[starts[lo] : starts[hi]]

    return Rows(counts, fill)


@dataclass(frozen=True, slots=True)
class Rule:
    """Base of the connection rules."""

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        """The synapses, to be made block by block; the base has those of `pairs`."""
        if type(self).pairs is Rule.pairs:
            raise TypeError(f"{type(self).__name__} defines neither edges nor pairs")
        pre, post = self.pairs(owner, n_pre, n_post, key, same)
        counts = np.zeros(n_pre, np.int64)
        histogram(pre, counts)
        return _listed(counts, post)

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        """Index pairs (pre, post), int32, sorted by pre."""
        return self.edges(owner, n_pre, n_post, key, same).pairs()

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        """Raise now what could only fail later; the base accepts everything."""

    def size(self, n_pre: int, n_post: int, same: bool) -> int | None:
        """Number of synapses, where it is known without drawing."""
        return None

    def expected_size(self, n_pre: int, n_post: int, same: bool) -> float:
        """Mean number of synapses, for estimates; the base's bound is all pairs."""
        size = self.size(n_pre, n_post, same)
        return float(n_pre * n_post if size is None else size)

    def placed(self, pre_shape: tuple[int, ...], post_shape: tuple[int, ...]) -> "Rule":
        """The rule with what it needs to know of the shapes of its populations."""
        return self


@dataclass(frozen=True, slots=True)
class AllToAll(Rule):
    """Every source to every target; without self-connections if ``autapses=False``.

    Examples
    --------
    >>> AllToAll().size(3, 4, same=False)
    12
    """

    autapses: bool = True

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        skip_self = same and not self.autapses
        width = n_post - skip_self

        def fill(lo, hi, post):
            targets = np.arange(width, dtype=np.int32)
            if skip_self:
                targets = targets + (targets >= np.arange(lo, hi)[:, None])
            post.reshape(hi - lo, width)[:] = targets

        return Rows(np.full(n_pre, width), fill)

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return n_pre * n_post - (n_pre if same and not self.autapses else 0)


@dataclass(frozen=True, slots=True)
class OneToOne(Rule):
    """Source ``i`` to target ``i``; both populations have the same size."""

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        if n_pre != n_post:
            raise ParameterError(
                f"{owner}.rule OneToOne must join populations of equal size, "
                f"got {n_pre} and {n_post}; use FromArrays for other pairings"
            )

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        return _listed(np.ones(n_pre, np.int64), np.arange(n_pre, dtype=np.int32))

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return n_pre


@dataclass(frozen=True, slots=True)
class FixedProbability(Rule):
    """Each pair is connected with probability ``p``, independently.

    Examples
    --------
    >>> FixedProbability(0.1)
    FixedProbability(p=0.1, autapses=True)
    """

    p: float
    autapses: bool = True

    def __post_init__(self) -> None:
        checks.number("FixedProbability", "p", self.p, low=0, high=1)

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        skip_self = same and not self.autapses
        given = (key, float(self.p), n_post, skip_self)
        return counted_rows(n_pre, lambda *rows: draw.bernoulli_rows(*given, *rows))

    def size(self, n_pre: int, n_post: int, same: bool) -> int | None:
        return 0 if self.p == 0 else None

    def expected_size(self, n_pre: int, n_post: int, same: bool) -> float:
        selves = n_pre if same and not self.autapses else 0
        return self.p * (n_pre * n_post - selves)


@dataclass(frozen=True, slots=True)
class FixedInDegree(Rule):
    """Each target receives exactly ``k`` synapses from random sources.

    With ``multapses=False`` the sources of a target are distinct.

    Examples
    --------
    >>> FixedInDegree(100).size(1000, 50, same=False)
    5000
    """

    k: int
    autapses: bool = True
    multapses: bool = True

    def __post_init__(self) -> None:
        checks.integer("FixedInDegree", "k", self.k, low=0)

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        skip_self = same and not self.autapses
        available = n_pre - (1 if skip_self else 0)
        if (self.k > 0 and available <= 0) or (not self.multapses and self.k > available):
            raise BuildError(
                f"{owner}.rule FixedInDegree.k must be <= {available} sources, got {self.k}; "
                "take a smaller k, or multapses=True"
            )
        stamp = np.full(0 if self.multapses else n_pre, -1, np.int64)

        def sources(lo, rows):
            if lo == 0:
                stamp[:] = -1
            draw.partners(key, n_pre, skip_self, self.multapses, lo, stamp, rows)

        return Fans(n_pre, n_post, self.k, sources)

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return n_post * self.k


def _indices(owner: str, name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ParameterError(
            f"{owner}.{name} must be a one-dimensional array of integers, "
            f"got shape {array.shape} of {array.dtype}"
        )
    return array.astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class FromArrays(Rule):
    """The given pairs ``(pre[k], post[k])``; repeated pairs are separate synapses.

    Examples
    --------
    >>> FromArrays([0, 0, 2], [1, 1, 0]).size(3, 2, same=False)
    3
    """

    pre: np.ndarray
    post: np.ndarray
    order: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pre = _indices("FromArrays", "pre", self.pre)
        post = _indices("FromArrays", "post", self.post)
        if pre.shape != post.shape:
            raise ParameterError(
                f"FromArrays.pre and post must have equal length, got {pre.size} and {post.size}"
            )
        order = np.argsort(pre, kind="stable")
        for name, array in (("pre", pre), ("post", post), ("order", order)):
            object.__setattr__(self, name, array)

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        for name, array, n in (("pre", self.pre, n_pre), ("post", self.post, n_post)):
            if array.size and not (array.min() >= 0 and array.max() < n):
                bad = int(array[(array < 0) | (array >= n)][0])
                raise ParameterError(
                    f"{owner}.rule FromArrays.{name} must be in 0..{n - 1}, got {bad}"
                )

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        counts = np.zeros(n_pre, np.int64)
        histogram(self.pre, counts)
        starts = starts_of(counts)

        def fill(lo, hi, post):
            post[:] = self.post[self.order[starts[lo] : starts[hi]]]

        return Rows(counts, fill)

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return self.pre.size


@dataclass(frozen=True, slots=True, eq=False)
class FromMatrix(Rule):
    """Pairs and weights of a matrix (n_pre, n_post), dense or scipy.sparse.

    In a dense matrix zeros are no synapses; in a sparse one every stored entry is.

    Examples
    --------
    >>> FromMatrix([[0.5, 0.0], [0.0, -1.0]]).weights.tolist()
    [0.5, -1.0]
    """

    matrix: Any
    shape: tuple[int, int] = field(init=False)
    weights: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        import scipy.sparse  # here, as it would double the time of `import neurosim`

        if scipy.sparse.issparse(self.matrix):
            sparse = scipy.sparse.csr_matrix(self.matrix, dtype=np.float64, copy=True)
            sparse.sort_indices()
        else:
            dense = checks.array("FromMatrix", "matrix", self.matrix)
            if dense.ndim != 2:
                raise ParameterError(
                    f"FromMatrix.matrix must have two dimensions, got shape {dense.shape}"
                )
            sparse = scipy.sparse.csr_matrix(dense)
        checks.array("FromMatrix", "matrix", sparse.data)
        object.__setattr__(self, "matrix", sparse)
        object.__setattr__(self, "shape", tuple(int(n) for n in sparse.shape))
        object.__setattr__(self, "weights", sparse.data)

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        if self.shape != (n_pre, n_post):
            raise ParameterError(
                f"{owner}.rule FromMatrix.matrix must have shape (n_pre, n_post) = "
                f"{(n_pre, n_post)}, got {self.shape}"
            )

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        return _listed(np.diff(self.matrix.indptr).astype(np.int64), self.matrix.indices)

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return self.weights.size
