"""In which order are the synapses of a rule made? In blocks, source by source or target by target.

A synapse's stable id is its position in the list that is sorted by source, and by the rule's
own order within a source. A rule says how many synapses each source has, and makes their
partners for any range of sources (:class:`Rows`), or of targets (:class:`Fans`), from the same
counter-based numbers every time. So nobody need hold all synapses of a projection at once.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from .._jit import kernel

BLOCK = 16_384  # synapses that are made at a time: their arrays stay in the cache


class Block(NamedTuple):
    """Some synapses of a projection; those of one source are in the order of their ids.

    A block is good until the next one is asked for.

    Attributes
    ----------
    ids : int64 (k,)
    pre, post : int32 (k,)      ``post`` is empty where only the sources are asked for
    """

    ids: np.ndarray
    pre: np.ndarray
    post: np.ndarray


@kernel
def histogram(indices, counts):
    """Add to ``counts`` how often each index occurs, without an array of its own."""
    for i in indices:
        counts[i] += 1


@kernel
def _number(sources, following, ids):
    """Give each synapse the next free id of its source."""
    for k in range(sources.size):
        ids[k] = following[sources[k]]
        following[sources[k]] += 1


def starts_of(counts: np.ndarray) -> np.ndarray:
    """First id of each source, and their number (int64, n_pre + 1)."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))


class Edges:
    """The synapses of one projection, to be made in blocks as often as wanted.

    Parameters
    ----------
    counts : int (n_pre,)       synapses of each source
    """

    def __init__(self, counts: np.ndarray) -> None:
        self.counts = counts
        self._starts = starts_of(counts)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def sources(self) -> Iterator[Block]:
        """All synapses by id, with their sources only."""
        none = np.empty(0, np.int32)
        for lo, hi in self._ranges():
            pre = self._pre(lo, hi)
            for first in range(0, pre.size, BLOCK):
                part = pre[first : first + BLOCK]
                yield Block(self._ids(lo, first, part.size), part, none)

    def blocks(self) -> Iterator[Block]:
        """All synapses, with source and target."""
        raise TypeError(f"{type(self).__name__} does not define blocks")

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """(pre, post) of all synapses by id, int32."""
        post = np.empty(len(self), np.int32)
        for block in self.blocks():
            post[block.ids] = block.post
        return self._pre(0, self.counts.size), post

    def _ranges(self) -> Iterator[tuple[int, int]]:
        """Ranges of sources that have up to BLOCK synapses, or are only one."""
        n, lo = self.counts.size, 0
        while lo < n:
            end = np.searchsorted(self._starts, self._starts[lo] + BLOCK, side="right") - 1
            hi = max(lo + 1, int(end))
            yield lo, hi
            lo = hi

    def _pre(self, lo: int, hi: int) -> np.ndarray:
        return np.repeat(np.arange(lo, hi, dtype=np.int32), self.counts[lo:hi])

    def _ids(self, lo: int, first: int, n: int) -> np.ndarray:
        first += int(self._starts[lo])
        return np.arange(first, first + n)


class Rows(Edges):
    """Synapses that are made source by source.

    Parameters
    ----------
    counts : int (n_pre,)
    fill : function (lo, hi, post)      writes the targets of sources lo ... hi - 1, in order
    """

    def __init__(self, counts: np.ndarray, fill: Callable[[int, int, np.ndarray], object]) -> None:
        super().__init__(counts)
        self._fill = fill

    def blocks(self) -> Iterator[Block]:
        for lo, hi in self._ranges():
            pre = self._pre(lo, hi)
            if not pre.size:
                continue
            post = np.empty(pre.size, np.int32)
            self._fill(lo, hi, post)
            for first in range(0, pre.size, BLOCK):
                part = slice(first, first + BLOCK)
                yield Block(self._ids(lo, first, pre[part].size), pre[part], post[part])


class Fans(Edges):
    """Synapses that are made target by target, each with as many sources.

    Parameters
    ----------
    n_pre, n_post, degree : int
    draw : function (lo, sources)       writes the sources of targets lo, lo + 1 ..., one per
                                        row of an int32 array (targets, degree)
    least : int                         targets that are drawn at once, at least
    counts : int (n_pre,), optional     synapses of each source, where they are known
    """

    def __init__(
        self,
        n_pre: int,
        n_post: int,
        degree: int,
        draw: Callable[[int, np.ndarray], object],
        least: int = 1,
        counts: np.ndarray | None = None,
    ) -> None:
        self._n_post, self._degree, self._draw = n_post, degree, draw
        self._rows = max(least, BLOCK // max(1, degree))
        if counts is None:
            counts = np.zeros(n_pre, np.int64)
            for _, sources in self._drawn():
                histogram(sources.reshape(-1), counts)
        super().__init__(counts)

    def _drawn(self) -> Iterator[tuple[int, np.ndarray]]:
        room = np.empty((min(self._rows, self._n_post), self._degree), np.int32)
        for lo in range(0, self._n_post if self._degree else 0, self._rows):
            sources = room[: self._n_post - lo]
            self._draw(lo, sources)
            yield lo, sources

    def blocks(self) -> Iterator[Block]:
        following = self._starts[:-1].copy()
        for lo, sources in self._drawn():
            flat = sources.reshape(-1)
            for first in range(0, flat.size, BLOCK):
                pre = flat[first : first + BLOCK]
                ids = np.empty(pre.size, np.int64)
                _number(pre, following, ids)
                post = np.arange(first, first + pre.size) // self._degree + lo
                yield Block(ids, pre, post.astype(np.int32))
