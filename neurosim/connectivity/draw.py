"""How are random connections drawn? Count-then-fill kernels for the rules."""

import math

import numpy as np

from .._jit import kernel
from ..random import below, uniform


@kernel
def bernoulli_rows(key, p, n_post, skip_self, first, counts, post):
    """Targets of the sources from ``first`` on, each with probability ``p``, by geometric jumps.

    The gap to the next target is floor(log(1 - u) / log(1 - p)). With an empty ``post``
    the targets are only counted (into ``counts``), with a full one they are filled in.
    """
    filling = post.size > 0
    position = 0
    scale = 1.0 / math.log1p(-p) if 0.0 < p < 1.0 else 0.0
    for row in range(counts.size):
        i = first + row
        count = 0
        j = -1
        k = 0
        while p > 0.0:
            if p < 1.0:
                gap = math.log1p(-uniform(key, i, k)) * scale
                if gap >= n_post - j:
                    break
                j += 1 + np.int64(gap)
            else:
                j += 1
            k += 1
            if j >= n_post:
                break
            if skip_self and j == i:
                continue
            if filling:
                post[position] = j
                position += 1
            count += 1
        counts[row] = count


@kernel
def partners(key, n, skip_self, multapses, first, stamp, chosen):
    """The rows of ``chosen`` get random partners out of ``n``, for the neurons from ``first`` on.

    Distinct ones by Floyd's algorithm (Bentley and Floyd 1987), whose set is kept as a
    stamp per partner (n,), at first -1; without multapses only.
    """
    rows, degree = chosen.shape
    for row in range(rows):
        j = first + row
        gap = skip_self and j < n  # draw from all but j: one fewer, shifted past j
        available = n - 1 if gap else n
        for k in range(degree):
            if multapses:
                i = below(key, j, k, available)
            else:
                last = available - degree + k
                i = below(key, j, k, last + 1)
                if stamp[i] == j:
                    i = last
                stamp[i] = j
            chosen[row, k] = i + 1 if gap and i >= j else i


@kernel
def uniform_sources(key, n, counts):
    """Give each of ``n`` synapses a source, all equally likely; keep only the counts."""
    for k in range(n):
        counts[below(key, k, 0, counts.size)] += 1


@kernel
def uniform_targets(key, n_post, skip_self, first, counts, edge, post):
    """Targets, all equally likely, of the synapses of the sources from ``first`` on.

    ``edge`` is the number of synapses before them.
    """
    available = n_post - 1 if skip_self else n_post
    place = 0
    for row in range(counts.size):
        for _ in range(counts[row]):
            j = below(key, edge + place, 1, available)
            post[place] = j + 1 if skip_self and j >= first + row else j
            place += 1


@kernel
def surplus(key, n, too_many):
    """Which of ``n`` synapses go when random ``too_many`` must (Floyd's algorithm)."""
    gone = np.zeros(n, np.bool_)
    for last in range(n - too_many, n):
        k = below(key, last, 0, last + 1)
        gone[last if gone[k] else k] = True
    return gone


@kernel
def shuffle(key, row, items):
    """Put ``items`` into random order (Fisher and Yates), by the numbers of ``row``."""
    for last in range(items.size - 1, 0, -1):
        k = below(key, row, last, last + 1)
        items[k], items[last] = items[last], items[k]


@kernel
def deal(key, n_pre, n_post, skip_self, first, sources):
    """Distinct sources of ``n_post`` targets, each used equally often.

    The rows of ``sources`` are those of the targets from ``first`` on; the others are dealt,
    and forgotten.

    The sources are a pack of cards: shuffled, dealt to the targets in random order, and
    shuffled again when it runs out. A card that a target cannot take stays on top for the
    next one; at most its own card (an autapse) can outlast the pack.
    """
    rows, degree = sources.shape
    order = np.arange(n_post)
    shuffle(key, 0, order)
    pack = np.empty(2 * n_pre, np.int32)
    stamp = np.full(n_pre, -1, np.int64)
    top = 0
    end = 0
    packs = 0
    for j in order:
        for k in range(degree):
            c = top
            while c < end and (stamp[pack[c]] == j or (skip_self and pack[c] == j)):
                c += 1
            if c == end:  # none left that fits: add a new pack below what is left
                kept = end - top
                pack[:kept] = pack[top:end].copy()
                top, c, end = 0, kept, kept + n_pre
                packs += 1
                for i in range(n_pre):
                    pack[kept + i] = i
                shuffle(key, packs, pack[kept:end])
                while stamp[pack[c]] == j or (skip_self and pack[c] == j):
                    c += 1
            i = pack[c]
            pack[c] = pack[top]
            top += 1
            stamp[i] = j
            if 0 <= j - first < rows:
                sources[j - first, k] = i


@kernel
def kept_of_blocks(key, keep, block, skip_self, first, sources):
    """``keep`` distinct sources of each block of ``block``, for the targets from ``first`` on."""
    rows, degree = sources.shape
    stamp = np.full(block, -1, np.int64)
    for place in range(rows):
        j = first + place
        for k in range(degree):
            b = k // keep
            gap = skip_self and j // block == b  # one fewer: shifted past j itself
            last = (block - 1 if gap else block) - keep + k % keep
            i = below(key, j, k, last + 1)
            row = j * (degree // keep) + b
            if stamp[i] == row:
                i = last
            stamp[i] = row
            sources[place, k] = b * block + (i + 1 if gap and i >= j % block else i)
