"""What linear map leads from one spiking layer to another, and which synapses carry it?

Shapes are those of populations, channels last: (\\*space, channels), or (n,). A layer of an ANN
with space, (channels, \\*space), is kept in that arrangement throughout.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..connectivity.convolution import Convolution
from ..connectivity.pooling import Dense, SumPool
from ..connectivity.rules import FromMatrix, Rule
from ..errors import BuildError
from .windows import Pairs, places

# Numbers of a matrix that is written out: 512 MiB in float64.
MOST_NUMBERS = 2**26
MOST_LINKS = 2**24  # and of one whose entries are listed, each with its place
# Below this share of numbers that are not zero, synapses are listed instead of a kernel.
_SPARSE = 0.2

Shape = tuple[int, ...]


class TooLarge(BuildError):
    """A linear map would have to be written out, and has too many numbers for that."""


def affordable(numbers: int, what: str, most: int = MOST_NUMBERS) -> None:
    """Refuse to write out more numbers than a machine should hold."""
    if numbers > most:
        raise TooLarge(
            f"{what} would have to be written out with {numbers:,} numbers, more than "
            f"{most:,}; put a ReLU between the linear operations, or make the layer smaller"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """A linear map from a population of shape ``pre`` to one of shape ``post``."""

    pre: Shape
    post: Shape

    @property
    def values(self) -> np.ndarray:
        """The numbers that it is made of."""
        raise NotImplementedError

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Map float64[samples, *pre] to float64[samples, *post]."""
        raise NotImplementedError

    def rule(self, scale: float = 1.0) -> Rule:
        """Return the synapses: a rule for `Network.connect`, weights times ``scale``."""
        raise NotImplementedError

    def matrix(self):
        """Return it written out: scipy.sparse.csr_array (prod(post), prod(pre))."""
        raise NotImplementedError

    def times(self, factor: np.ndarray) -> "Operator":
        """Return it with the output of each channel (the last axis of ``post``) multiplied."""
        raise NotImplementedError

    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Kernel(Operator):
    """A convolution, a pooling, a factor per channel, or the identity: one kernel for all places.

    out[o, m] = sum_k sum_c kernel[m, c, k] in'[stride o + dilation k - padding, c]

    with in' the sums over ``pool`` neighbours of the input; see :class:`neurosim.Convolution`.
    """

    kernel: np.ndarray
    stride: tuple[int, ...] = ()
    padding: Pairs = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1
    pool: tuple[int, ...] = ()

    @property
    def taps(self) -> tuple[int, ...]:
        """Size of the kernel in space."""
        return self.kernel.shape[2:]

    @property
    def values(self) -> np.ndarray:
        return self.kernel

    @property
    def by_channel(self) -> bool:
        """Whether each channel hears itself only."""
        return self.groups == self.kernel.shape[0] == self.pre[-1]

    @property
    def pools(self) -> bool:
        """Whether neighbours are summed before the kernel."""
        return max(self.pool, default=1) > 1

    @property
    def pooled(self) -> Shape:
        """Space behind the sums over neighbours."""
        return tuple(n // p for n, p in zip(self.pre, self.pool, strict=False))

    @property
    def space(self) -> Shape:
        """Space of the output; ``post`` may be without it where it is a single place."""
        sizes = zip(self.pooled, self.taps, self.stride, self.padding, self.dilation, strict=True)
        return tuple((n + sum(pad) - d * (k - 1) - 1) // s + 1 for n, k, s, pad, d in sizes)

    @property
    def pointwise(self) -> bool:
        """Whether each place hears itself only."""
        return (
            max(self.taps, default=1) == max(self.stride, default=1) == 1
            and not any(map(any, self.padding))
            and not self.pools
        )

    def is_identity(self) -> bool:
        ones = self.by_channel and self.pointwise and bool((self.kernel == 1.0).all())
        return ones and self.pre == self.post

    def apply(self, x: np.ndarray) -> np.ndarray:
        x = self._summed(x)
        x = np.pad(x, [(0, 0), *self.padding, (0, 0)])
        space = self.space
        y = np.zeros((len(x), *space, len(self.kernel)))
        for tap in places(self.taps):
            cut = tuple(
                slice(d * k, d * k + s * (n - 1) + 1, s)
                for k, d, s, n in zip(tap, self.dilation, self.stride, space, strict=True)
            )
            y += self._mix(x[(slice(None), *cut)], self.kernel[(..., *tap)])
        return y.reshape(len(x), *self.post)

    def _mix(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        if self.by_channel:
            return x * weight[:, 0]
        if self.groups == 1:
            return x @ weight.T
        split = x.reshape(*x.shape[:-1], self.groups, -1)
        weight = weight.reshape(self.groups, -1, weight.shape[1])
        return np.einsum("...gi,goi->...go", split, weight).reshape(*x.shape[:-1], -1)

    def _summed(self, x: np.ndarray) -> np.ndarray:
        if not self.pools:
            return x
        for k, size in enumerate(self.pool):
            n = x.shape[k + 1] // size
            whole = x[(slice(None),) * (k + 1) + (slice(n * size),)]
            x = whole.reshape(*x.shape[: k + 1], n, size, *x.shape[k + 2 :]).sum(axis=k + 2)
        return x

    def rule(self, scale: float = 1.0) -> Rule:
        if self.taps and self.by_channel and not self.pools and max(self.dilation) == 1:
            weight = float(self.kernel.flat[0])
            if (self.kernel == weight).all():
                return SumPool(self.taps, self.stride, self.padding, weight=weight * scale)
        if self.pointwise and np.count_nonzero(self.kernel) < _SPARSE * self.kernel.size:
            return _listed(self.matrix(), scale)
        geometry = (self.stride, self.padding, self.dilation, self.groups, self.pool or 1)
        if not self.taps:
            geometry = (1, 0, 1, self.groups, 1)
        return Convolution(self.kernel * scale, *geometry)

    def times(self, factor: np.ndarray) -> "Kernel":
        return self._with(self.kernel * factor.reshape(-1, *[1] * (self.kernel.ndim - 1)))

    def _with(self, kernel: np.ndarray) -> "Kernel":
        rest = (self.stride, self.padding, self.dilation, self.groups, self.pool)
        return Kernel(self.pre, self.post, kernel, *rest)

    def matrix(self):
        import scipy.sparse

        n_out, n_in = self.kernel.shape[0] // self.groups, self.kernel.shape[1]
        links = math.prod(self.space) * math.prod(self.taps) * self.kernel.shape[0] * n_in
        affordable(links, f"A convolution from {self.pre} to {self.post}", MOST_LINKS)
        pooled, channels = self.pooled, self.pre[-1]
        shape = (self.groups, n_out, n_in)
        group = np.arange(self.groups)[:, None, None]
        of = np.broadcast_to(group * n_out + np.arange(n_out)[:, None], shape).ravel()
        by = np.broadcast_to(group * n_in + np.arange(n_in), shape).ravel()
        out, tap, at = self._meet()
        rows = (out[:, None] * len(self.kernel) + of).ravel()
        columns = (at[:, None] * channels + by).ravel()
        values = self.kernel.reshape(len(of), -1).T[tap].ravel()
        size = (math.prod(self.post), math.prod(pooled) * channels)
        written = scipy.sparse.coo_array((values, (rows, columns)), shape=size).tocsr()
        if self.pools:
            written = written @ _summing(self.pre, pooled, self.pool)
        written.eliminate_zeros()
        return written

    def _meet(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return flat places of outputs, taps, and inputs, of every output that hears an input."""
        out = tap = at = np.zeros(1, np.int64)
        geometry = (self.stride, self.dilation, self.padding)
        for n, n_out, taps, s, d, (before, _) in zip(
            self.pooled, self.space, self.taps, *geometry, strict=True
        ):
            o, k = np.indices((n_out, taps)).reshape(2, -1)
            i = s * o + d * k - before
            inside = (i >= 0) & (i < n)
            out = (out[:, None] * n_out + o[inside]).ravel()
            tap = (tap[:, None] * taps + k[inside]).ravel()
            at = (at[:, None] * n + i[inside]).ravel()
        return out, tap, at


@dataclass(frozen=True, slots=True, eq=False)
class Full(Operator):
    """Any map by its matrix weight[n_pre, n_post], ids in C order."""

    weight: np.ndarray

    @property
    def values(self) -> np.ndarray:
        return self.weight

    def apply(self, x: np.ndarray) -> np.ndarray:
        return (x.reshape(len(x), -1) @ self.weight).reshape(len(x), *self.post)

    def rule(self, scale: float = 1.0) -> Rule:
        return Dense(self.weight * scale)

    def times(self, factor: np.ndarray) -> "Full":
        each = np.broadcast_to(factor, self.post).ravel()
        return Full(self.pre, self.post, self.weight * each)

    def matrix(self):
        import scipy.sparse

        return scipy.sparse.csr_array(self.weight.T)


@dataclass(frozen=True, slots=True, eq=False)
class Listed(Operator):
    """Any map by the entries that are not zero, links[n_post, n_pre] (scipy.sparse.csr_array)."""

    links: object

    @property
    def values(self) -> np.ndarray:
        return self.links.data

    def apply(self, x: np.ndarray) -> np.ndarray:
        return (self.links @ x.reshape(len(x), -1).T).T.reshape(len(x), *self.post)

    def rule(self, scale: float = 1.0) -> Rule:
        return _listed(self.links, scale)

    def times(self, factor: np.ndarray) -> "Listed":
        import scipy.sparse

        each = np.broadcast_to(factor, self.post).ravel()
        return Listed(self.pre, self.post, (scipy.sparse.diags_array(each) @ self.links).tocsr())

    def matrix(self):
        return self.links


def identity(shape: Shape) -> Kernel:
    """Return the map that changes nothing."""
    return factors(shape, np.ones(shape[-1]))


def factors(shape: Shape, factor: np.ndarray) -> Kernel:
    """Return the map that multiplies each channel by a number of its own."""
    n = len(shape) - 1
    kernel = np.asarray(factor, np.float64).reshape(-1, 1, *[1] * n)
    ones = (1,) * n
    return Kernel(shape, shape, kernel, ones, ((0, 0),) * n, ones, shape[-1], ones)


def mixing(pre: Shape, kernel: np.ndarray) -> Kernel:
    """Return the map that mixes channels, place by place, with kernel[c_out, c_in]."""
    n = len(pre) - 1
    ones = (1,) * n
    kernel = kernel.reshape(*kernel.shape, *ones)
    return Kernel(pre, (*pre[:-1], len(kernel)), kernel, ones, ((0, 0),) * n, ones, 1, ones)


def permuted(pre: Shape, post: Shape, order: np.ndarray) -> Listed:
    """Return the map with out[k] = in[order[k]], in C order."""
    import scipy.sparse

    n = len(order)
    links = scipy.sparse.csr_array((np.ones(n), (np.arange(n), order)), shape=(n, n))
    return Listed(pre, post, links)


def _summing(shape: Shape, pooled: Shape, pool: tuple[int, ...]):
    """Return the matrix of sums over neighbours, channel by channel."""
    c = shape[-1]
    n = len(pool)
    ones = np.ones((c, 1, *pool))
    return Kernel(
        shape, (*pooled, c), ones, tuple(pool), ((0, 0),) * n, (1,) * n, c, (1,) * n
    ).matrix()


def _listed(links, scale: float) -> FromMatrix:
    return FromMatrix(links.T * scale)
