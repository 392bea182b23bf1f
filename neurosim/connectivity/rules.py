"""Who is connected to whom? Connection rules, from description to index pairs.

``rule.pairs(owner, n_pre, n_post, key, same)`` returns ``(pre, post)``, int32 arrays sorted
by ``pre``; the position in them is the synapse's stable id. ``same`` says that source and
target are one population, so that autapses can be left out. Random rules count first and
fill afterwards, from the same counter-based numbers.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import checks
from ..errors import BuildError, ParameterError
from . import draw

Pairs = tuple[np.ndarray, np.ndarray]


def rows(counts: np.ndarray) -> np.ndarray:
    """The sources of synapses that lie row after row."""
    return np.repeat(np.arange(counts.size, dtype=np.int32), counts)


def transposed(sources: np.ndarray, n_pre: int) -> Pairs:
    """Pairs sorted by source, from a row of sources for each target."""
    counts = np.zeros(n_pre, np.int64)
    draw.histogram(sources.reshape(-1), counts)
    post = np.empty(sources.size, np.int32)
    draw.by_source(sources, np.concatenate(([0], np.cumsum(counts)[:-1])), post)
    return rows(counts), post


@dataclass(frozen=True, slots=True)
class Rule:
    """Base of the connection rules."""

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        """Index pairs (pre, post), int32, sorted by pre."""
        raise TypeError(f"{type(self).__name__} does not define pairs")

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

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        pre = np.repeat(np.arange(n_pre, dtype=np.int32), n_post)
        post = np.tile(np.arange(n_post, dtype=np.int32), n_pre)
        if same and not self.autapses:
            keep = pre != post
            return pre[keep], post[keep]
        return pre, post

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

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        index = np.arange(n_pre, dtype=np.int32)
        return index, index.copy()

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

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        skip_self = same and not self.autapses
        counts = np.zeros(n_pre, np.int64)
        none = np.empty(0, np.int32)
        draw.bernoulli_rows(key, float(self.p), n_post, skip_self, counts, none)
        post = np.empty(int(counts.sum()), np.int32)
        draw.bernoulli_rows(key, float(self.p), n_post, skip_self, counts, post)
        return rows(counts), post

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

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        skip_self = same and not self.autapses
        available = n_pre - (1 if skip_self else 0)
        if (self.k > 0 and available <= 0) or (not self.multapses and self.k > available):
            raise BuildError(
                f"{owner}.rule FixedInDegree.k must be <= {available} sources, got {self.k}; "
                "take a smaller k, or multapses=True"
            )
        sources = np.empty((n_post, self.k), np.int32)
        draw.partners(key, n_pre, skip_self, self.multapses, sources)
        return transposed(sources, n_pre)

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

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        pre, post = self.pre[self.order], self.post[self.order]
        return pre.astype(np.int32), post.astype(np.int32)

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

    def pairs(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Pairs:
        counts = np.diff(self.matrix.indptr)
        return rows(counts), self.matrix.indices.astype(np.int32)

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return self.weights.size
