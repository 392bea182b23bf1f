"""How are random connections drawn? Count-then-fill kernels for the rules."""

import math

import numpy as np

from .._jit import kernel
from ..random import below, uniform


@kernel
def bernoulli_rows(key, p, n_post, skip_self, counts, post):
    """Targets of each source, each with probability ``p``, by geometric jumps.

    The gap to the next target is floor(log(1 - u) / log(1 - p)). With an empty ``post``
    the targets are only counted (into ``counts``), with a full one they are filled in.
    """
    filling = post.size > 0
    position = 0
    scale = 1.0 / math.log1p(-p) if 0.0 < p < 1.0 else 0.0
    for i in range(counts.size):
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
        counts[i] = count


@kernel
def in_degree_sources(key, n_pre, skip_self, multapses, sources):
    """Row ``j`` of ``sources`` gets the random sources of target ``j``.

    Distinct ones by Floyd's algorithm (Bentley and Floyd 1987), whose set is kept as a
    stamp per source.
    """
    n_post, degree = sources.shape
    stamp = np.full(n_pre, -1, np.int64)
    for j in range(n_post):
        gap = skip_self and j < n_pre  # draw from all but j: one fewer, shifted past j
        available = n_pre - 1 if gap else n_pre
        for k in range(degree):
            if multapses:
                i = below(key, j, k, available)
            else:
                last = available - degree + k
                i = below(key, j, k, last + 1)
                if stamp[i] == j:
                    i = last
                stamp[i] = j
            sources[j, k] = i + 1 if gap and i >= j else i


@kernel
def by_source(sources, starts, post):
    """Counting sort of (target, source) into rows by source, targets ascending."""
    n_post, degree = sources.shape
    for j in range(n_post):
        for k in range(degree):
            i = sources[j, k]
            post[starts[i]] = j
            starts[i] += 1
